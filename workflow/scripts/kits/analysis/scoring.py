"""Dice as in the official KiTS19 evaluation."""

import pandas as pd

from kits.data.targets import TARGETS
from kits.filter.masks import RunLengthMask

STAGES = ("before", "after")
COLUMNS = ("case", "stage", "target", "dice", "label_voxels", "predicted_voxels")
Masks = tuple[RunLengthMask, RunLengthMask]
"""Of kidney + tumor, and of tumor."""


def compute_dice(truth: RunLengthMask, prediction: RunLengthMask) -> float:
    """Dice coefficient of two masks of the same shape; NaN, not defined, where both are empty."""
    sizes = truth.voxels + prediction.voxels
    return 2 * int(truth.count_common(prediction).sum()) / sizes if sizes else float("nan")


def score_case(case: str, truth: Masks, before: Masks, after: Masks) -> pd.DataFrame:
    """Dice of a case before and after post-processing.

    Args:
        case: its name.
        truth: `label > 0` and `label == 2`.
        before: each network's own mask.
        after: of the merged segmentation, as the truth's.

    Returns:
        Columns case, stage, target, dice, label_voxels, predicted_voxels; a row for each stage and target.
    """
    rows = [
        (case, stage, target, compute_dice(true, predicted), true.voxels, predicted.voxels)
        for stage, predictions in zip(STAGES, (before, after), strict=True)
        for target, true, predicted in zip(TARGETS, truth, predictions, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def average_by_case(scores: pd.DataFrame) -> pd.DataFrame:
    """One row for each case, stage and target: a case that several splits test counts once, with its mean Dice.

    Args:
        scores: as `score` returns, of all test cases; column split where there are several.

    Returns:
        Index case, columns (stage, target), mean Dice; NaN where it is defined in no split.
    """
    return scores.groupby(["case", "stage", "target"])["dice"].mean().unstack(["stage", "target"])


def count_false_positives(scores: pd.DataFrame) -> pd.Series:
    """Predicted voxels outside the label in each row of scores: they follow from Dice and the two sizes."""
    sizes = scores["label_voxels"] + scores["predicted_voxels"]
    return scores["predicted_voxels"] - (scores["dice"].fillna(0) * sizes / 2).round()
