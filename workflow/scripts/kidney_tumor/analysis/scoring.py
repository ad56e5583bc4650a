"""The Dice coefficient as the official KiTS19 evaluation computes it."""

from typing import Any

from kidney_tumor.data.targets import TARGETS
from kidney_tumor.volumes.masks import Mask, Masks, encode

STAGES = ("before", "after")
SCORE_COLUMNS = ("case", "stage", "target", "dice", "label_voxels", "predicted_voxels")


def compute_dice(truth: Mask, prediction: Mask) -> float:
    """Compute the Dice coefficient of two masks of the same shape; it is undefined, NaN, if both are empty."""
    truth, prediction = encode(truth), encode(prediction)
    sizes = truth.voxels + prediction.voxels
    return 2 * int(truth.count_common(prediction).sum()) / sizes if sizes else float("nan")


def score_case(case: str, truth: Masks, before: Masks, after: Masks) -> list[dict[str, Any]]:
    """Compute the Dice of a case before and after post-processing.

    Args:
        case: The name of the case.
        truth: The masks of the true labels.
        before: The raw masks of the two networks.
        after: The masks of the post-processed segmentation.

    Returns:
        A row for each stage and target, with the columns `SCORE_COLUMNS`.
    """
    rows = [
        (case, stage, target, compute_dice(true, predicted), true.voxels, predicted.voxels)
        for stage, predictions in zip(STAGES, (before, after), strict=True)
        for target, true, predicted in zip(TARGETS, truth, predictions, strict=True)
    ]
    return [dict(zip(SCORE_COLUMNS, row, strict=True)) for row in rows]
