"""The Dice coefficient as the official KiTS19 evaluation computes it."""

import pandas as pd

from kidney_tumor.data.targets import TARGETS
from kidney_tumor.volumes.masks import Mask, Masks, encode

STAGES = ("before", "after")
SCORE_COLUMNS = ("case", "stage", "target", "dice", "label_voxels", "predicted_voxels")


def compute_dice(truth: Mask, prediction: Mask) -> float:
    """Compute the Dice coefficient of two masks of the same shape; it is undefined, NaN, if both are empty."""
    truth, prediction = encode(truth), encode(prediction)
    sizes = truth.voxels + prediction.voxels
    return 2 * int(truth.count_common(prediction).sum()) / sizes if sizes else float("nan")


def score_case(case: str, truth: Masks, before: Masks, after: Masks) -> pd.DataFrame:
    """Compute the Dice of a case before and after post-processing.

    Args:
        case: The name of the case.
        truth: The masks of the true labels.
        before: The raw masks of the two networks.
        after: The masks of the post-processed segmentation.

    Returns:
        A table with the columns case, stage, target, dice, label_voxels and predicted_voxels, and a row for each stage
        and target.
    """
    rows = [
        (case, stage, target, compute_dice(true, predicted), true.voxels, predicted.voxels)
        for stage, predictions in zip(STAGES, (before, after), strict=True)
        for target, true, predicted in zip(TARGETS, truth, predictions, strict=True)
    ]
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def average_by_case(scores: pd.DataFrame) -> pd.DataFrame:
    """Average the Dice of each case over the splits that test it, so that each case counts once.

    Args:
        scores: The tables that `score_case` returns, of all test cases.

    Returns:
        The mean Dice, NaN where it is defined in no split, with the index case and the columns (stage, target).
    """
    return scores.groupby(["case", "stage", "target"])["dice"].mean().unstack(["stage", "target"])


def count_false_positives(scores: pd.DataFrame) -> pd.Series:
    """Count the predicted voxels outside the label in each row of scores, from the Dice and the two sizes."""
    sizes = scores["label_voxels"] + scores["predicted_voxels"]
    return scores["predicted_voxels"] - (scores["dice"].fillna(0) * sizes / 2).round()
