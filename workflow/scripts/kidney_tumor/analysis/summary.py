"""The Dice over the cases with its uncertainty, and the effect of post-processing and of each constraint on it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from kidney_tumor.analysis.scoring import STAGES
from kidney_tumor.analysis.statistics import (
    CONFIDENCE,
    SHARE,
    bound_p,
    compare_pairs,
    count_needed,
    format_p,
    summarize_values,
)
from kidney_tumor.data.targets import TARGETS
from kidney_tumor.filter.constraints import OFF
from kidney_tumor.filter.variants import name_change


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


def find_most_filtered(scores: pd.DataFrame) -> pd.Series:
    """Find the row of the case in which filtering removed most false positive voxels, both targets together.

    Of equal cases, the first.

    Args:
        scores: The table that `scoring.score_case` returns, with a column split if there are several splits.
    """
    keys = [key for key in ("split", "case") if key in scores]
    wide = scores.assign(false=count_false_positives(scores)).groupby([*keys, "stage"])["false"].sum().unstack("stage")
    chosen = (wide["before"] - wide["after"]).idxmax()
    return pd.Series(dict(zip(keys, chosen if len(keys) > 1 else (chosen,), strict=True)))


def count_emptied(scores: pd.DataFrame) -> pd.Series:
    """Count the cases of each target in which post-processing removed every predicted voxel, in at least one split."""
    keys = [key for key in ("split", "case", "target") if key in scores]
    empty = scores.assign(empty=scores["predicted_voxels"] == 0).pivot(index=keys, columns="stage", values="empty")
    lost = (empty["after"] & ~empty["before"]).groupby(["case", "target"]).any()
    return lost.groupby("target").sum()


def summarize_dice(scores: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Summarize the Dice over the cases.

    Args:
        scores: The tables that `scoring.score_case` returns, of all test cases.
        seed: The seed of the intervals.

    Returns:
        A table with a row for each stage and target: n (the cases with a defined Dice), undefined (those in which both
        masks are empty), emptied (those in which post-processing removed every predicted voxel), found (those with a
        Dice above 0), mean and median with their 95 % intervals, and the quartiles q1 and q3.
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
                    "found": (values > 0).sum(),
                    **summarize_values(values, seed, limits=SHARE),
                    "q1": values.quantile(0.25),
                    "q3": values.quantile(0.75),
                }
            )
    return pd.DataFrame(rows)


def measure_effect(scores: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Measure what post-processing changes for each target.

    Returns:
        A table with a row for each target: that of `statistics.compare_pairs`, after minus before; and found_before and
        found_after, the numbers of cases with a Dice above 0.
    """
    dices = average_by_case(scores)
    return pd.DataFrame(
        {
            "target": target,
            **compare_pairs(dices["before", target], dices["after", target], seed),
            **{f"found_{stage}": (dices[stage, target] > 0).sum() for stage in STAGES},
        }
        for target in TARGETS
    )


def describe_effect(row: Mapping[str, Any]) -> str:
    """Describe in sentences what post-processing changed; that nothing was found at all comes first.

    There is an effect if the 95 % interval of the mean change excludes 0 and the signed-rank test gives p < 0.05. The
    interval alone is too narrow for a few cases, and the test cannot reach p < 0.05 with fewer than six, in which case
    nothing is concluded.

    Args:
        row: A row of the table that `measure_effect` returns.
    """
    name, count = row["target"].replace("_", " + ").capitalize(), int(row["n"])
    if count == 0:
        return f"{name}: Dice is defined in no case, before and after post-processing."
    before, after = row["found_before"], row["found_after"]
    every = f"Dice is 0 in all {count} cases" if count > 1 else "Dice is 0 in the only case"
    if not before and not after:
        return f"{name}: nothing was found, {every}, before and after post-processing."
    moved = f"Dice rose in {row['improved']} of {count} cases and fell in {row['worsened']}"
    if not after:
        moved = f"nothing was found, {every} after post-processing; before, it was above 0 in {before}. {moved}"
    elif not before:
        moved = f"nothing was found before post-processing, {every}. {moved}"
    if count == 1:
        return f"{name}: {moved}; mean change {row['mean']:+.3f}: one case shows no effect."
    low, high, changed = row["mean_low"], row["mean_high"], row["improved"] + row["worsened"]
    if bound_p(count) >= 1 - CONFIDENCE:
        verdict = f"too few cases for this test, which needs {count_needed()}"
    elif 0 < changed < count_needed():  # the test leaves out those without a change
        verdict = f"too few cases changed for this test, which needs {count_needed()}"
    elif (low > 0 or high < 0) and row["wilcoxon_p"] < 1 - CONFIDENCE:
        verdict = f"{'higher' if low > 0 else 'lower'} after post-processing"
    else:
        verdict = "not distinguishable from no effect"
    interval = f"[{low:+.3f}, {high:+.3f}], {format_p(row['wilcoxon_p'])}"
    return f"{name}: {moved}; mean change {row['mean']:+.3f} {interval}: {verdict}."


def compare_variants(tables: Sequence[pd.DataFrame], seed: int) -> pd.DataFrame:
    """Compute the Dice over the cases under each variant of the filter.

    Args:
        tables: For each variant, a table with its constraints as text and the columns case, target, dice and
            predicted_voxels; the first variant is the configured one.
        seed: The seed of the intervals.

    Returns:
        A table with a row for each variant and target: the constraints of the variant as text, changed (the result of
        `name_change`), target, n, mean and median with their 95 % intervals, empty (the number of cases with no voxel
        left, in at least one split), difference (the mean over the cases of Dice minus that with the configured
        options), and difference_low and difference_high (its 95 % interval, paired by case).
    """
    texts = [table.iloc[0][list(OFF)].to_dict() for table in tables]
    base = tables[0].groupby(["case", "target"])["dice"].mean()
    rows = []
    for variant, table in zip(texts, tables, strict=True):
        dice = table.groupby(["case", "target"])["dice"].mean()
        for target in TARGETS:
            of_target = table[table["target"] == target]
            difference = compare_pairs(base.xs(target, level="target"), dice.xs(target, level="target"), seed)
            rows.append(
                {
                    **variant,
                    "changed": name_change(variant, texts[0]),
                    "target": target,
                    "n": dice.xs(target, level="target").count(),
                    **summarize_values(dice.xs(target, level="target"), seed, limits=SHARE),
                    "empty": (of_target["predicted_voxels"] == 0).groupby(of_target["case"]).any().sum(),
                    "difference": difference["mean"],
                    "difference_low": difference["mean_low"],
                    "difference_high": difference["mean_high"],
                }
            )
    return pd.DataFrame(rows)
