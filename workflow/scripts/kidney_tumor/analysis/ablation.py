"""The effect of each constraint of the filter (paper, section 2.2) on the predictions of a run."""

from pathlib import Path

import numpy as np

from kidney_tumor.analysis.scoring import compute_dice
from kidney_tumor.data.places import check_places
from kidney_tumor.data.targets import NETWORKS, TARGETS
from kidney_tumor.filter.constraints import FilterOptions, RatioRange
from kidney_tumor.filter.postprocessing import Filtered, derive_ratio_range, postprocess
from kidney_tumor.volumes.labels import TUMOR
from kidney_tumor.volumes.masks import RunLengthMask, Spacing, read_label_masks, read_mask


def apply_variant(
    kidney: RunLengthMask, tumor: RunLengthMask, spacing: Spacing, ratios: np.ndarray, unit: str, variant: FilterOptions
) -> Filtered:
    """Filter a case's raw masks with a variant of the filter, its percentiles included.

    Args:
        kidney: The raw mask of kidney and tumor together.
        tumor: The raw mask of the tumor, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.
        ratios: The eigenvalue ratios of all labeled tumors, shape (n,).
        unit: The unit in which they are measured, `voxel` or `mm`.
        variant: The options of the filter.

    Raises:
        UserError: The reasons are those of `postprocess` and `derive_ratio_range`.
    """
    accepted = RatioRange(*derive_ratio_range(ratios, variant.percentiles), unit) if variant.percentiles else None
    return postprocess(kidney, tumor, spacing, accepted, variant)


def score_variant(
    prediction: Path, label: Path, ratios: np.ndarray, unit: str, variant: FilterOptions
) -> list[tuple[str, str, float, int]]:
    """Compute the Dice of a case under a variant of the filter.

    Args:
        prediction: The folder of the raw masks `kidney.nii.gz` and `tumor.nii.gz`; its name is the case's.
        label: The case's `segmentation.nii.gz`.
        ratios: The eigenvalue ratios of all labeled tumors, shape (n,).
        unit: The unit in which they are measured, `voxel` or `mm`.
        variant: The options of the filter.

    Returns:
        The case, the target, its Dice and its predicted voxels, for each target.

    Raises:
        UserError: A file is not a mask or a label volume, or they differ in shape or place.
    """
    paths = [prediction / f"{network}.nii.gz" for network in NETWORKS]
    spacing = check_places(label, *paths).spacing
    kidney, tumor = map(read_mask, paths)
    segmentation = apply_variant(kidney, tumor, spacing, ratios, unit, variant).segmentation
    masks = RunLengthMask.from_mask(segmentation > 0), RunLengthMask.from_mask(segmentation == TUMOR)
    return [
        (prediction.name, target, compute_dice(truth, mask), mask.voxels)
        for target, truth, mask in zip(TARGETS, read_label_masks(label), masks, strict=True)
    ]
