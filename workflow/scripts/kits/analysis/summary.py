"""Dice over the cases, with its uncertainty, the effect of post-processing and of each of its constraints."""

from collections.abc import Sequence

import pandas as pd

from kits.analysis.scoring import STAGES, average_by_case
from kits.analysis.statistics import compare_pairs, summarize_values
from kits.data.targets import TARGETS
from kits.filter.options import FilterOptions, format_options, name_change


def count_emptied(scores: pd.DataFrame) -> pd.Series:
    """Cases of each target in which post-processing removed all that was predicted, in at least one split."""
    keys = [key for key in ("split", "case", "target") if key in scores]
    empty = scores.assign(empty=scores["predicted_voxels"] == 0).pivot(index=keys, columns="stage", values="empty")
    lost = (empty["after"] & ~empty["before"]).groupby(["case", "target"]).any()
    return lost.groupby("target").sum()


def summarize_dice(scores: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Dice over the cases.

    Args:
        scores: as `by_case` takes them.
        seed: of the bootstrap.

    Returns:
        A row for each stage and target: n (cases with a defined Dice), undefined (both masks empty), emptied (cases in
        which post-processing removed all that was predicted), mean and median with 95 % intervals, q1, q3.
    """
    dices, lost = average_by_case(scores), count_emptied(scores)
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
                    **summarize_values(values, seed),
                    "q1": values.quantile(0.25),
                    "q3": values.quantile(0.75),
                }
            )
    return pd.DataFrame(rows)


def measure_effect(scores: pd.DataFrame, seed: int) -> pd.DataFrame:
    """What post-processing changes: after minus before, a row for each target, as `statistics.paired` has it."""
    dices = average_by_case(scores)
    return pd.DataFrame(
        {"target": target, **compare_pairs(dices["before", target], dices["after", target], seed)} for target in TARGETS
    )


def compare_variants(variants: Sequence[FilterOptions], tables: Sequence[pd.DataFrame], seed: int) -> pd.DataFrame:
    """Compute the Dice over the cases under each variant of the filter.

    Args:
        variants: The configured options first.
        tables: For each variant its columns case, target, dice, predicted_voxels.
        seed: The seed of the bootstrap.

    Returns:
        The constraints of the variant as text, changed (as `name_change` says it), target, n, mean and median with
        95 % intervals, empty (the number of cases with nothing left, in at least one split), difference (the mean over
        the cases, to the configured options); a row for each variant and target.
    """
    base = tables[0].groupby(["case", "target"])["dice"].mean()
    rows = []
    for variant, table in zip(variants, tables, strict=True):
        dice = table.groupby(["case", "target"])["dice"].mean()
        for target in TARGETS:
            of_target = table[table["target"] == target]
            rows.append(
                {
                    **format_options(variant),
                    "changed": name_change(variant, variants[0]),
                    "target": target,
                    "n": dice.xs(target, level="target").count(),
                    **summarize_values(dice.xs(target, level="target"), seed),
                    "empty": (of_target["predicted_voxels"] == 0).groupby(of_target["case"]).any().sum(),
                    "difference": (dice - base).xs(target, level="target").mean(),
                }
            )
    return pd.DataFrame(rows)
