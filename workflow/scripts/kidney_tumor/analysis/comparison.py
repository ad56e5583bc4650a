"""The comparison of methods on the same cases: the first, which is this run or another, and the others."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from kidney_tumor.analysis.exchanges import AS_TUMOR
from kidney_tumor.analysis.method_scores import MEASURES, SHARES
from kidney_tumor.analysis.statistics import (
    CONFIDENCE,
    SHARE,
    adjust_holm,
    bound_p,
    compare_pairs,
    count_needed,
    format_p,
    summarize_values,
)
from kidney_tumor.data.cohort import format_cases
from kidney_tumor.data.targets import TARGETS
from kidney_tumor.errors import UserError

DIFFERENCE_COLUMNS = (
    "method", "target", "measure", "n", "mean", "mean_low", "mean_high", "median", "median_low", "median_high",
    "confidence", "wilcoxon_p", "holm_p", "smallest_p", "above_0", "first_above_0",
)  # fmt: skip
"""The columns of the table of differences; `compare_methods` explains them."""


def count_unusable(table: pd.DataFrame) -> dict[str, int]:
    """Count the cases of each method that have no usable file.

    Raises:
        UserError: There is nothing to compare, since the first method or all others have no usable case at all; the
            message has a line for each such method.
    """
    counts = {method: table.loc[table["method"] == method, "case"].nunique() for method in table["method"].unique()}
    usable = table[table["problem"] == ""].groupby("method")["case"].nunique()
    first, *others = counts
    useless = [method for method in counts if method not in usable]
    if first in useless or len(useless) == len(others) > 0:
        raise UserError("\n".join(describe_unusable(table, method) for method in useless))
    return {method: count - usable.get(method, 0) for method, count in counts.items()}


def describe_unusable(table: pd.DataFrame, method: str) -> str:
    """Describe that no case of a method can be used, by the first of them."""
    cases = table[table["method"] == method].drop_duplicates("case")
    first = cases.iloc[0]
    return f"{method}: no case can be used of {len(cases)}; {first['case']}: {first['problem']}"


def list_warnings(table: pd.DataFrame) -> Iterator[str]:
    """List in words what is left out of the comparison, which organs have no file, and what looks exchanged."""
    for method, rows in table.groupby("method", sort=False):
        if (rows["problem"] != "").all():
            yield describe_unusable(table, method)
            continue
        for _, row in rows.drop_duplicates(["case", "file", "problem"]).iterrows():
            if row["problem"]:
                yield f"{method}: {row['case']} is left out: {row['problem']}"
        for names, lacking in rows[(rows["problem"] == "") & (rows["absent"] != "")].groupby("absent"):
            cases = format_cases(lacking["case"].unique())
            yield f"{method}: no file of {names}, which counts as not found: {cases}"
        yield from _describe_exchanges(rows[rows["problem"] == ""])


def _describe_exchanges(rows: pd.DataFrame) -> Iterator[str]:
    """Describe what looks exchanged in the cases of a method that are scored."""
    for exchanged, alike in rows[rows["exchanged"] != ""].groupby("exchanged"):
        cases = alike["case"].unique()
        share, names = f"in {len(cases)} of {rows['case'].nunique()} cases", format_cases(cases)
        method = alike["method"].iloc[0]
        if exchanged == AS_TUMOR:
            yield (
                f"{method}: {share} most of what is marked as tumor is kidney in the labels ({names}); check what the "
                "numbers in the files mean: kidney and tumor may be exchanged, or be the two kidneys"
            )
        else:
            yield (
                f"{method}: {share} the masks would fit the labels much better with {exchanged} exchanged ({names}); "
                "check how these files, or the labels, were written before you conclude anything"
            )


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
        table: The table of cases with the columns `method_scores.COMPARISON_COLUMNS`.
        seed: The seed of the intervals.

    Returns:
        A table with a row for each method, target and measure: n (the cases with a defined and finite value), infinite
        (those whose distance is infinite, since one mask is empty), left_out (those without a usable file), mean and
        median with their 95 % intervals, and sd, the standard deviation of the cases.
    """
    unusable, rows = count_unusable(table), []
    for method in table["method"].unique():
        for target in TARGETS:
            for measure in MEASURES:
                values = average_measure(table, target, measure)[method]
                known = values[np.isfinite(values)]
                rows.append(
                    {
                        "method": method,
                        "target": target,
                        "measure": measure,
                        "n": len(known),
                        "infinite": np.isinf(values).sum(),
                        "left_out": unusable[method],
                        **summarize_values(known, seed, limits=SHARE if measure in SHARES else None),
                        "sd": known.std(),
                    }
                )
    return pd.DataFrame(rows)


def compare_methods(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Compare each method with the first one, paired by case.

    The intervals hold together with 95 % for the methods of a target and measure: with m methods each is one of
    1 - 0.05 / m (Bonferroni). The p values of the m signed-rank tests are corrected by Holm's method.

    Args:
        table: The table of cases with the columns `method_scores.COMPARISON_COLUMNS`, the first method first.
        seed: The seed of the intervals.

    Returns:
        A table with a row for each other method, target and measure: n (the cases in which both are defined and
        finite), mean and median of the method minus the first with their intervals, the confidence of these,
        wilcoxon_p and holm_p; smallest_p, the smallest holm_p that so many cases with a difference can give; and
        above_0 and first_above_0, the numbers of these cases in which the method's Dice and the first's are above 0.
    """
    first, *others = table["method"].unique()
    if not others:
        return pd.DataFrame(columns=DIFFERENCE_COLUMNS)
    parts = []
    for target in TARGETS:
        dices = average_measure(table, target, "dice")
        for measure in MEASURES:
            values = average_measure(table, target, measure)
            values = values.where(np.isfinite(values))
            paired = sum((values[method] - values[first]).notna().any() for method in others)
            confidence = 1 - (1 - CONFIDENCE) / max(paired, 1)
            rows = [
                {
                    "method": method,
                    "target": target,
                    "measure": measure,
                    **compare_pairs(values[first], values[method], seed, confidence),
                    "confidence": confidence,
                    **_count_above_0(dices[[first, method]].dropna()),
                }
                for method in others
            ]
            part = pd.DataFrame(rows)
            changed = (part["improved"] + part["worsened"]).where(lambda count: count > 0, part["n"])
            smallest = adjust_holm(changed.map(bound_p))
            parts.append(part.assign(holm_p=adjust_holm(part["wilcoxon_p"]), smallest_p=smallest))
    joined = pd.concat(parts, ignore_index=True)[list(DIFFERENCE_COLUMNS)]
    ranks = joined["method"].map(others.index)
    return joined.loc[ranks.sort_values(kind="stable").index]


def _count_above_0(dices: pd.DataFrame) -> dict[str, int]:
    """Count the cases with a Dice above 0 of the first method, in the first column, and of another, in the second."""
    return {"first_above_0": int((dices.iloc[:, 0] > 0).sum()), "above_0": int((dices.iloc[:, 1] > 0).sum())}


def describe_difference(row: Mapping[str, Any], first: str) -> str:
    """Describe in a sentence how a method's Dice differs from that of the first; that nothing was found comes first.

    It differs if the interval of the mean difference excludes 0 and Holm's p is below 0.05, as for the effect of
    post-processing. Where no differences of so many cases could give such a p, nothing is concluded.

    Args:
        row: A row of the table that `compare_methods` returns.
        first: The name of the first method.
    """
    text, count = f"{row['method']} minus {first}: Dice of {row['target'].replace('_', ' + ')}", int(row["n"])
    if count < 2:
        return f"{text}: {count} common case{'s' * (count != 1)}, too few to compare"
    empty = [name for name, found in ((row["method"], row["above_0"]), (first, row["first_above_0"])) if not found]
    if empty:
        text += f": nothing was found by {' and '.join(empty)}, Dice is 0 in all {count} common cases"
    if len(empty) == 2:
        return text
    low, high = row["mean_low"], row["mean_high"]
    verdict = "not distinguishable from no difference"
    if row["smallest_p"] >= 1 - CONFIDENCE:
        tests = round((1 - CONFIDENCE) / (1 - row["confidence"]))
        few = "cases" if count < count_needed(tests) else "cases with a difference"
        verdict = f"too few {few} for this test, which needs {count_needed(tests)}"
    elif (low > 0 or high < 0) and row["holm_p"] < 1 - CONFIDENCE:
        verdict = "higher" if low > 0 else "lower"
    p = f"{format_p(row['holm_p'])} (Holm)"
    values = f"mean {row['mean']:+.3f} [{low:+.3f}, {high:+.3f}], median {row['median']:+.3f}"
    return f"{text}{';' if empty else ','} {values}, {p}, n = {count}: {verdict}"
