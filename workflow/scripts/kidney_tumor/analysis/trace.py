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
from kidney_tumor.data.slices import crop_to_view, resize_blocks, sample_nearest
from kidney_tumor.data.targets import TARGETS
from kidney_tumor.filter.constraints import STEPS as FILTER_STEPS
from kidney_tumor.filter.constraints import FilterOptions, RatioRange
from kidney_tumor.filter.postprocessing import postprocess
from kidney_tumor.filter.trimming import trim_tumors
from kidney_tumor.volumes.labels import KIDNEY, TUMOR, read_label_columns
from kidney_tumor.volumes.masks import Box, Masks, RunLengthMask, Shape, read_label_masks
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
    slices, *sides = find_bounds(mask)
    margin = round(4 * SOFTNESS)  # the Gaussian ends there
    rows, columns = (slice(max(0, side.start - margin), side.stop + margin) for side in sides)
    inside = mask[slices, rows, columns]
    blurred = ndimage.gaussian_filter(inside.astype(np.float32), (0, SOFTNESS, SOFTNESS))
    soft[slices, rows, columns] = np.where(inside, np.maximum(blurred, 0.5) + np.float32(TIE), blurred)
    return soft


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
        restore_mask(mask, size, geometry.shape, method)
        for mask in (small > 0, small == TUMOR, crop_to_view(small, "tumor", tumor_rows) == TUMOR)
    )
    filtered = postprocess(kidney, seen, geometry.spacing, ratios, options)
    merged = trimmed = filtered.masks
    if ratios:
        nearest = trim_tumors(filtered.tumors, geometry.spacing, ratios)
        trimmed = postprocess(kidney, nearest, geometry.spacing, ratios, options).masks
    steps = [
        ("resize", kidney, tumor),
        ("lower_half", kidney, seen),
        *filtered.apply_steps(),
        ("merge", *merged),
        (TRIMMED, *trimmed),
    ]
    rows = [
        (case, target, step, compute_dice(truth[target], masks[place]), truth[target].voxels, masks[place].voxels)
        for place, target in enumerate(TARGETS)
        for step, *masks in steps
    ]
    found = [dict(zip(TRACE_COLUMNS, row, strict=True)) for row in rows]
    return found, _find_worst_slice(small, resize_masks(merged, size), geometry.shape, geometry.spacing)


def find_bounds(mask: np.ndarray) -> Box:
    """Find the smallest box that holds a mask, shape (slices, H, W), bool; an empty mask has an empty box."""
    found = [np.flatnonzero(mask.any(others)) for others in ((1, 2), (0, 2), (0, 1))]
    slices, rows, columns = (slice(int(ends[0]), int(ends[-1]) + 1) if len(ends) else slice(0, 0) for ends in found)
    return slices, rows, columns


def restore_mask(mask: np.ndarray, size: int, shape: Shape, method: str) -> RunLengthMask:
    """Bring a true mask of extracted slices, as `soften` takes it, back to the grid of the volume, as a network's."""
    slices, *_ = find_bounds(mask)
    part = slices.stop - slices.start, *shape[1:]
    restored = restore(soften(mask[slices], method), size, part, method, 0.5).view(bool)
    return RunLengthMask.from_box(shape, (slices, slice(0, shape[1]), slice(0, shape[2])), restored)


def resize_masks(masks: Masks, size: int) -> np.ndarray:
    """Resize two masks of the same shape to the labels that `slices.resize` makes of their label volume, uint8."""
    box = slices, *sides = masks[0].find_box()
    sampled = [sample_nearest(length, size) for length in masks[0].shape[1:]]
    rows, columns = (
        slice(*np.searchsorted(voxels, (side.start, side.stop))) for voxels, side in zip(sampled, sides, strict=True)
    )
    taken = np.ix_(sampled[0][rows] - sides[0].start, sampled[1][columns] - sides[1].start)
    labels = np.zeros((masks[0].shape[0], size, size), np.uint8)
    for mask, value in zip(masks, (KIDNEY, TUMOR), strict=True):
        labels[slices, rows, columns][mask.crop(box)[:, *taken]] = value
    return labels


def _find_worst_slice(
    truth: np.ndarray, left: np.ndarray, shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> Loss:
    """Find the slice with the most lost tumor pixels; of equal ones, the one with the most tumor, then the first."""
    tumor = truth == TUMOR
    lost, shown = (tumor & (left != TUMOR)).sum((1, 2)), tumor.sum((1, 2))
    number = max(range(len(truth)), key=lambda i: (lost[i], shown[i]))
    return Loss(number, truth[number], left[number], (shape[1] * spacing[1]) / (shape[2] * spacing[2]))
