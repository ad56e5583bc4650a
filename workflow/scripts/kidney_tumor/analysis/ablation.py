"""The effect of each constraint of the filter (paper, section 2.2) on the predictions of a run."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kidney_tumor.analysis.scoring import compute_dice
from kidney_tumor.data.places import check_places
from kidney_tumor.data.targets import TARGETS
from kidney_tumor.filter.constraints import FilterOptions, RatioRange
from kidney_tumor.filter.postprocessing import Filtered, derive_ratio_range, postprocess
from kidney_tumor.filter.variants import format_options
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


def score_variants(
    kidney: Path, tumor: Path, label: Path, ratios: np.ndarray, unit: str, variants: Iterable[FilterOptions]
) -> Iterator[dict[str, Any]]:
    """Compute the Dice of a case under each variant of the filter.

    Args:
        kidney: The raw mask of kidney and tumor together.
        tumor: The raw mask of the tumor.
        label: The case's `segmentation.nii.gz`.
        ratios: The eigenvalue ratios of all labeled tumors, shape (n,).
        unit: The unit in which they are measured, `voxel` or `mm`.
        variants: The options of the filter.

    Yields:
        For each variant and target, the constraints of the variant as text, target, dice and predicted_voxels.

    Raises:
        UserError: A file is not a mask or a label volume, or they differ in shape or place.
    """
    spacing = check_places(label, kidney, tumor).spacing
    raw, truths = (read_mask(kidney), read_mask(tumor)), read_label_masks(label)
    for variant in variants:
        masks = apply_variant(*raw, spacing, ratios, unit, variant).masks
        for target, truth, mask in zip(TARGETS, truths, masks, strict=True):
            scores = {"target": target, "dice": compute_dice(truth, mask), "predicted_voxels": mask.voxels}
            yield format_options(variant) | scores
