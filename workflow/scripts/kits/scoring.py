"""Dice as in the official KiTS19 evaluation, and its summary."""

import numpy as np
import pandas as pd

from kits.nifti import TUMOR

STAGES = ("before", "after")
TARGETS = ("kidney_tumor", "tumor")


def dice(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Dice coefficient of two masks of the same shape; NaN, not defined, where both are empty."""
    size = np.count_nonzero(truth) + np.count_nonzero(prediction)
    return 2 * np.count_nonzero(truth & prediction) / size if size else float("nan")


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


def summarize(scores: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Mean, median and quartiles of Dice over the cases, beside the paper's figures.

    Args:
        scores: as `score` returns, of all test cases.
        paper: columns stage, target, paper_mean, paper_median; what the paper does not state is empty.

    Returns:
        A row for each stage and target: n (cases with a defined Dice), undefined (both masks empty), emptied (cases in
        which post-processing removed all that was predicted), mean, median, q1, q3, and the paper's figures.
    """
    empty = scores.assign(empty=scores["predicted_voxels"] == 0).pivot(
        index=["case", "target"], columns="stage", values="empty"
    )
    emptied = (empty["after"] & ~empty["before"]).groupby("target").sum()
    rows = []
    for stage in STAGES:
        for target in TARGETS:
            values = scores.loc[(scores["stage"] == stage) & (scores["target"] == target), "dice"]
            rows.append(
                {
                    "stage": stage,
                    "target": target,
                    "n": values.count(),
                    "undefined": values.isna().sum(),
                    "emptied": emptied[target] if stage == "after" else 0,
                    "mean": values.mean(),
                    "median": values.median(),
                    "q1": values.quantile(0.25),
                    "q3": values.quantile(0.75),
                }
            )
    return pd.DataFrame(rows).merge(paper, how="left", on=["stage", "target"])
