"""Dice as in the official KiTS19 evaluation."""

import numpy as np
import pandas as pd

from kits.nifti import TUMOR
from kits.runs import Runs

STAGES = ("before", "after")
TARGETS = ("kidney_tumor", "tumor")


def dice(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Dice coefficient of two masks of the same shape; NaN, not defined, where both are empty."""
    return _dice(np.count_nonzero(truth), np.count_nonzero(prediction), np.count_nonzero(truth & prediction))


def dice_of_runs(truth: Runs, prediction: Runs) -> float:
    """As `dice`, of masks as runs."""
    return _dice(truth.voxels, prediction.voxels, int(truth.common(prediction).sum()))


def _dice(truth: int, prediction: int, common: int) -> float:
    return 2 * common / (truth + prediction) if truth + prediction else float("nan")


def score(
    case: str, label: np.ndarray, kidney: np.ndarray, tumor: np.ndarray, segmentation: np.ndarray
) -> pd.DataFrame:
    """Dice of a case before and after post-processing.

    Before: each network's own mask. After: the merged segmentation. Against `label > 0` and `label == 2`.

    Args:
        case: its name.
        label: true labels, (slices, rows, columns).
        kidney: raw kidney + tumor mask, same shape, bool.
        tumor: raw tumor mask, same shape, bool.
        segmentation: post-processed labels, same shape.

    Returns:
        Columns case, stage, target, dice, label_voxels, predicted_voxels; a row for each stage and target.
    """
    truths = {"kidney_tumor": label > 0, "tumor": label == TUMOR}
    predictions = {
        "before": {"kidney_tumor": kidney, "tumor": tumor},
        "after": {"kidney_tumor": segmentation > 0, "tumor": segmentation == TUMOR},
    }
    return pd.DataFrame(
        {
            "case": case,
            "stage": stage,
            "target": target,
            "dice": dice(truths[target], predictions[stage][target]),
            "label_voxels": np.count_nonzero(truths[target]),
            "predicted_voxels": np.count_nonzero(predictions[stage][target]),
        }
        for stage in STAGES
        for target in TARGETS
    )


def by_case(scores: pd.DataFrame) -> pd.DataFrame:
    """One row for each case, stage and target: a case that several splits test counts once, with its mean Dice.

    Args:
        scores: as `score` returns, of all test cases; column split where there are several.

    Returns:
        Index case, columns (stage, target), mean Dice; NaN where it is defined in no split.
    """
    return scores.groupby(["case", "stage", "target"])["dice"].mean().unstack(["stage", "target"])


def false_positives(scores: pd.DataFrame) -> pd.Series:
    """Predicted voxels outside the label in each row of scores: they follow from Dice and the two sizes."""
    sizes = scores["label_voxels"] + scores["predicted_voxels"]
    return scores["predicted_voxels"] - (scores["dice"].fillna(0) * sizes / 2).round()
