"""The comparison of this run with other methods on the same test cases."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kidney_tumor.analysis.method_scores import MEASURES
from kidney_tumor.analysis.statistics import CONFIDENCE, adjust_holm, compare_pairs, format_p, summarize_values
from kidney_tumor.cli import UserError
from kidney_tumor.data.targets import TARGETS


def count_unusable(table: pd.DataFrame) -> dict[str, int]:
    """Count the cases of each method that have no usable file.

    Raises:
        UserError: A method has no usable case at all; the message has a line for each such method.
    """
    counts, refused = {}, []
    for method, rows in table.groupby("method", sort=False):
        usable = set(rows.loc[rows["problem"] == "", "case"])
        left = rows[~rows["case"].isin(usable)].drop_duplicates("case")
        counts[method] = len(left)
        if not usable:
            first = left.iloc[0]
            refused.append(f"{method}: no case can be used of {len(left)}; {first['case']}: {first['problem']}")
    if refused:
        raise UserError("\n".join(refused))
    return counts


def average_measure(table: pd.DataFrame, target: str, measure: str) -> pd.DataFrame:
    """Average a measure of a target over the files of a case, which several splits may have segmented.

    Returns:
        The mean, NaN where it is undefined or there is no usable file, with a row for each case and a column for each
        method in the table's order.
    """
    methods, rows = table["method"].unique(), table[table["target"] == target]
    return rows.groupby(["case", "method"])[measure].mean().unstack("method").reindex(columns=methods)


def summarize_methods(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Summarize each measure of each method over the cases.

    Args:
        table: The table of cases with the columns `method_scores.COLUMNS`.
        seed: The seed of the bootstrap.

    Returns:
        A table with a row for each method, target and measure: n (the cases with a defined value), left_out (the cases
        without a usable file), and mean and median with their 95 % intervals.
    """
    unusable, rows = count_unusable(table), []
    for method in table["method"].unique():
        for target in TARGETS:
            for measure in MEASURES:
                values = average_measure(table, target, measure)[method]
                rows.append(
                    {
                        "method": method,
                        "target": target,
                        "measure": measure,
                        "n": values.count(),
                        "left_out": unusable[method],
                        **summarize_values(values, seed),
                    }
                )
    return pd.DataFrame(rows)


def compare_methods(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Compare each method with this run, paired by case.

    The intervals hold together with 95 % for the methods of a target and measure: with m methods each is one of
    1 - 0.05 / m (Bonferroni). The p values of the m signed-rank tests are corrected by Holm's method.

    Args:
        table: The table of cases with the columns `method_scores.COLUMNS`, which begins with this run.
        seed: The seed of the bootstrap.

    Returns:
        A table with a row for each other method, target and measure: n (the cases in which both are defined), mean and
        median of the method minus this run with their intervals, the confidence of these, wilcoxon_p and holm_p.
    """
    run, *others = table["method"].unique()
    parts = []
    for target in TARGETS:
        for measure in MEASURES:
            values = average_measure(table, target, measure)
            paired = sum((values[method] - values[run]).notna().any() for method in others)
            confidence = 1 - (1 - CONFIDENCE) / max(paired, 1)
            rows = [
                {
                    "method": method,
                    "target": target,
                    "measure": measure,
                    **compare_pairs(values[run], values[method], seed, confidence),
                    "confidence": confidence,
                }
                for method in others
            ]
            part = pd.DataFrame(rows)
            parts.append(part.assign(holm_p=adjust_holm(part["wilcoxon_p"])))
    joined = pd.concat(parts, ignore_index=True).drop(columns=["improved", "worsened", "unchanged"])
    order = [*(column for column in joined if not column.endswith("_p")), "wilcoxon_p", "holm_p"]
    ranks = joined["method"].map(others.index)
    return joined[order].loc[ranks.sort_values(kind="stable").index]


def describe_difference(row: Mapping[str, Any], run: str) -> str:
    """Describe in a sentence how a method's Dice differs from that of this run.

    It differs if the interval of the mean difference excludes 0 and Holm's p is below 0.05, as for the effect of
    post-processing.

    Args:
        row: A row of the table that `compare_methods` returns.
        run: The name of this run.
    """
    text, count = f"{row['method']} minus {run}: Dice of {row['target'].replace('_', ' + ')}", int(row["n"])
    if count < 2:
        return f"{text}: {count} common case{'s' * (count != 1)}, too few to compare"
    low, high = row["mean_low"], row["mean_high"]
    verdict = "not distinguishable from no difference"
    if (low > 0 or high < 0) and row["holm_p"] < 1 - CONFIDENCE:
        verdict = "higher" if low > 0 else "lower"
    p = f"{format_p(row['holm_p'])} (Holm)"
    return f"{text} {row['mean']:+.3f} [{low:+.3f}, {high:+.3f}], {p}, n = {count}: {verdict}"
