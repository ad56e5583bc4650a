"""Dice over the cases, with its uncertainty, the effect of post-processing and of each of its constraints."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from kits.scoring import STAGES, TARGETS, by_case
from kits.settings import OFF
from kits.statistics import CONFIDENCE, paired, with_intervals


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


def describe_effect(row: Mapping[str, Any]) -> str:
    """Say in a sentence what post-processing changed.

    One rule decides whether there is an effect: the 95 % interval of the mean change excludes 0, and the signed-rank
    test gives p < 0.05. The interval alone is too narrow for a few cases; the test can find nothing in fewer than six.

    Args:
        row: of a table as `effect` returns.
    """
    name, count = row["target"].replace("_", " + ").capitalize(), int(row["n"])
    if count == 0:
        return f"{name}: Dice is defined in no case, before and after post-processing."
    moved = f"{name}: Dice rose in {row['improved']} of {count} cases and fell in {row['worsened']}"
    if count == 1:
        return f"{moved}; mean change {row['mean']:+.3f}: one case shows no effect."
    low, high = row["mean_low"], row["mean_high"]
    verdict = "not distinguishable from no effect"
    if (low > 0 or high < 0) and row["wilcoxon_p"] < 1 - CONFIDENCE:
        verdict = f"{'higher' if low > 0 else 'lower'} after post-processing"
    interval = f"[{low:+.3f}, {high:+.3f}], p = {row['wilcoxon_p']:.2g}"
    return f"{moved}; mean change {row['mean']:+.3f} {interval}: {verdict}."


def changed(setting: Mapping[str, str], base: Mapping[str, str]) -> str:
    """Which constraint a setting changes: its name, `nothing`, or `everything` where it is more than one."""
    names = [name for name in OFF if setting[name] != base[name]]
    return {0: "nothing", 1: names[0] if names else ""}.get(len(names), "everything")


def compare_settings(tables: Sequence[pd.DataFrame], seed: int) -> pd.DataFrame:
    """Dice over the cases under each setting.

    Args:
        tables: of one setting each, the configured one first: columns of `OFF`, case, target, dice,
            predicted_voxels.
        seed: of the bootstrap.

    Returns:
        The setting's columns, changed (as `changed`), target, n, mean and median with 95 % intervals, empty (cases
        with nothing left, in at least one split), difference (mean over the cases, to the configured setting),
        difference_low, difference_high (its 95 % interval, paired by case), a row for each setting and target.
    """
    base = tables[0].groupby(["case", "target"])["dice"].mean()
    rows = []
    for table in tables:
        setting = table.iloc[0][list(OFF)].to_dict()
        dice = table.groupby(["case", "target"])["dice"].mean()
        for target in TARGETS:
            of_target = table[table["target"] == target]
            difference = paired(base.xs(target, level="target"), dice.xs(target, level="target"), seed)
            rows.append(
                {
                    **setting,
                    "changed": changed(setting, tables[0].iloc[0]),
                    "target": target,
                    "n": dice.xs(target, level="target").count(),
                    **with_intervals(dice.xs(target, level="target"), seed),
                    "empty": (of_target["predicted_voxels"] == 0).groupby(of_target["case"]).any().sum(),
                    "difference": difference["mean"],
                    "difference_low": difference["mean_low"],
                    "difference_high": difference["mean_high"],
                }
            )
    return pd.DataFrame(rows)
