"""Dice over the cases, with its uncertainty, and the effect of post-processing."""

import pandas as pd

from kits.scoring import STAGES, TARGETS, by_case
from kits.statistics import paired, with_intervals


def emptied(scores: pd.DataFrame) -> pd.Series:
    """Cases of each target in which post-processing removed all that was predicted, in at least one split."""
    keys = [key for key in ("split", "case", "target") if key in scores]
    empty = scores.assign(empty=scores["predicted_voxels"] == 0).pivot(index=keys, columns="stage", values="empty")
    lost = (empty["after"] & ~empty["before"]).groupby(["case", "target"]).any()
    return lost.groupby("target").sum()


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
