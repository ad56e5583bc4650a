"""The score of the true masks after each of the method's own steps, which needs only labels.

It is no upper bound of a network's score: a network that leaves out a few voxels of a tumor may bring it into the range
of ratios. The score of the trimmed masks, the nearest that the filter accepts, says how far that goes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from kidney_tumor.analysis.scoring import compute_dice
from kidney_tumor.data.restoration import LINEAR, restore
from kidney_tumor.data.slices import crop_to_view, resize, resize_blocks
from kidney_tumor.data.targets import TARGETS
from kidney_tumor.filter.constraints import STEPS as FILTER_STEPS
from kidney_tumor.filter.constraints import FilterOptions, RatioRange
from kidney_tumor.filter.postprocessing import postprocess
from kidney_tumor.filter.trimming import trim_tumors
from kidney_tumor.volumes.labels import TUMOR, read_label_columns
from kidney_tumor.volumes.masks import Masks, RunLengthMask, read_label_masks
from kidney_tumor.volumes.nifti import read_geometry

STEPS = ("resize", "lower_half", *FILTER_STEPS, "merge")
TRIMMED = "trimmed"
"""What stands after all steps: their result for true masks that are trimmed until the filter accepts them."""
TRACE_COLUMNS = ("case", "target", "step", "dice", "label_voxels", "voxels")
"""The columns of the table of steps; voxels are those that are left after the step."""
SOFTNESS = 0.7
"""The softness of the edges of a true mask as a network's output, assumed: the deviation of a Gaussian, in pixels."""
TIE = 1e-4
"""What lifts the pixels of a true mask above one half, so that what lies exactly between two pixels belongs to it."""


@dataclass(frozen=True)
class Loss:
    """The slice of a case in which the method loses most of the tumor.

    Attributes:
        number: The number of the slice, from 0.
        truth: The true labels 0 background, 1 kidney and 2 tumor, shape (size, size), uint8.
        left: The labels that the method leaves, in the same form.
        aspect: The height of a pixel over its width, both in mm, after resizing.
    """

    number: int
    truth: np.ndarray
    left: np.ndarray
    aspect: float


def soften(mask: np.ndarray, method: str) -> np.ndarray:
    """Make a true mask the probabilities of a network that draws it, with edges of an assumed softness.

    They decide which of two neighboring pixels a voxel between them resembles more; between 0 and 1, it would be a tie.
    Every pixel of the mask stays above one half, so that no part of it is lost by the blur.

    Args:
        mask: The mask, shape (slices, H, W), bool.
        method: How pixels become voxels; only `linear` looks at more than whether a pixel is above the threshold.

    Returns:
        The mask, blurred in each slice by a Gaussian of `SOFTNESS` pixels for `linear`.
    """
    if method != LINEAR:
        return mask
    soft = np.zeros(mask.shape, np.float32)
    for number in np.flatnonzero(mask.any((1, 2))):
        soft[number] = ndimage.gaussian_filter(mask[number].astype(np.float32), SOFTNESS)
    return np.where(mask, np.maximum(soft, 0.5) + np.float32(TIE), soft)


def trace_case(
    case: str,
    label_path: Path,
    size: int,
    tumor_rows: str,
    method: str,
    ratios: RatioRange | None,
    options: FilterOptions,
) -> tuple[list[dict[str, Any]], Loss]:
    """Send a case's true masks through every step, as if both networks were perfect.

    Args:
        case: The name of the case.
        label_path: The case's `segmentation.nii.gz`.
        size: The rows and columns of the slices that the networks see, in pixels.
        tumor_rows: The rows that the tumor network sees, `lower_half` or `all`.
        method: How pixels become voxels, `nearest` or `linear`.
        ratios: The accepted eigenvalue ratios; None for any ratio.
        options: The constraints of the filter.

    Returns:
        A row for each target and step, and for `TRIMMED`, with the columns `TRACE_COLUMNS`; and the slice that loses
        most.

    Raises:
        UserError: The file is not a label volume.
    """
    geometry = read_geometry(label_path)
    truth = dict(zip(TARGETS, read_label_masks(label_path), strict=True))
    small = resize_blocks(read_label_columns(label_path), geometry.shape, size, np.uint8)
    kidney, tumor, seen = (
        RunLengthMask.from_mask(restore(soften(mask, method), size, geometry.shape, method, 0.5).view(bool))
        for mask in (small > 0, small == TUMOR, crop_to_view(small, "tumor", tumor_rows) == TUMOR)
    )
    filtered = postprocess(kidney, seen, geometry.spacing, ratios, options)
    segmentation = filtered.segmentation
    trimmed = segmentation
    if ratios:
        nearest = trim_tumors(filtered.tumors, geometry.spacing, ratios)
        trimmed = postprocess(kidney, nearest, geometry.spacing, ratios, options).segmentation
    steps = [
        ("resize", kidney, tumor),
        ("lower_half", kidney, seen),
        *filtered.apply_steps(),
        ("merge", *_split(segmentation)),
        (TRIMMED, *_split(trimmed)),
    ]
    rows = [
        (case, target, step, compute_dice(truth[target], masks[place]), truth[target].voxels, masks[place].voxels)
        for place, target in enumerate(TARGETS)
        for step, *masks in steps
    ]
    found = [dict(zip(TRACE_COLUMNS, row, strict=True)) for row in rows]
    return found, _find_worst_slice(small, resize(segmentation, size, size), geometry.shape, geometry.spacing)


def _split(segmentation: np.ndarray) -> Masks:
    """Split a segmentation into the masks of kidney + tumor and of tumor."""
    return RunLengthMask.from_mask(segmentation > 0), RunLengthMask.from_mask(segmentation == TUMOR)


def _find_worst_slice(
    truth: np.ndarray, left: np.ndarray, shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> Loss:
    """Find the slice with the most lost tumor pixels; of equal ones, the one with the most tumor, then the first."""
    tumor = truth == TUMOR
    lost, shown = (tumor & (left != TUMOR)).sum((1, 2)), tumor.sum((1, 2))
    number = max(range(len(truth)), key=lambda i: (lost[i], shown[i]))
    return Loss(number, truth[number], left[number], (shape[1] * spacing[1]) / (shape[2] * spacing[2]))
