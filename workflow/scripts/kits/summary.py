"""Dice over the cases, with its uncertainty, and the effect of post-processing."""

import pandas as pd

from kits.scoring import STAGES, TARGETS
from kits.statistics import paired, with_intervals


def by_case(scores: pd.DataFrame) -> pd.DataFrame:
    """One row for each case, stage and target: a case that several splits test counts once, with its mean Dice.

    Args:
        scores: as `score` returns, of all test cases; column split where there are several.

    Returns:
        Index case, columns (stage, target), mean Dice; NaN where it is defined in no split.
    """
    return scores.groupby(["case", "stage", "target"])["dice"].mean().unstack(["stage", "target"])


def emptied(scores: pd.DataFrame) -> pd.Series:
    """Cases of each target in which post-processing removed all that was predicted, in at least one split."""
    keys = [key for key in ("split", "case", "target") if key in scores]
    empty = scores.assign(empty=scores["predicted_voxels"] == 0).pivot(index=keys, columns="stage", values="empty")
    lost = (empty["after"] & ~empty["before"]).groupby(["case", "target"]).any()
    return lost.groupby("target").sum()


def false_positives(scores: pd.DataFrame) -> pd.Series:
    """Predicted voxels outside the label in each row of scores: they follow from Dice and the two sizes."""
    sizes = scores["label_voxels"] + scores["predicted_voxels"]
    return scores["predicted_voxels"] - (scores["dice"].fillna(0) * sizes / 2).round()


def summarize(scores: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Dice over the cases.

    Args:
        scores: as `by_case` takes them.
        seed: of the bootstrap.

    Returns:
        A row for each stage and target: n (cases with a defined Dice), undefined (both masks empty), emptied (cases in
        which post-processing removed all that was predicted), mean and median with 95 % intervals, q1, q3.
    """
    dices, lost = by_case(scores), emptied(scores)
    rows = []
    for stage in STAGES:
        for target in TARGETS:
            values = dices[stage, target]
            rows.append(
                {
                    "stage": stage,
                    "target": target,
                    "n": values.count(),
                    "undefined": values.isna().sum(),
                    "emptied": lost[target] if stage == "after" else 0,
                    **with_intervals(values, seed),
                    "q1": values.quantile(0.25),
                    "q3": values.quantile(0.75),
                }
            )
    return pd.DataFrame(rows)


def effect(scores: pd.DataFrame, seed: int) -> pd.DataFrame:
    """What post-processing changes: after minus before, a row for each target, as `statistics.paired` has it."""
    dices = by_case(scores)
    return pd.DataFrame(
        {"target": target, **paired(dices["before", target], dices["after", target], seed)} for target in TARGETS
    )
