"""Uncertainty: bootstrap intervals and the paired test, by scipy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

RESAMPLES = 9999
CONFIDENCE = 0.95
DECIMALS = 9
"""Of differences: what differs less is rounding of the computer's, and would be ranked as an effect."""


def estimate_interval(values: np.ndarray, statistic: Callable[..., Any], seed: int) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a statistic of (n,) values; NaN for fewer than two of them.

    Percentiles, not BCa, which has no answer where values are all the same.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    result = stats.bootstrap(
        (values,), statistic, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="percentile", rng=rng
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def summarize_values(values: pd.Series, seed: int) -> dict[str, float]:
    """Mean and median of values with their intervals; undefined values are left out."""
    known = values.dropna().to_numpy(float)
    summary = {}
    for name, statistic in (("mean", np.mean), ("median", np.median)):
        low, high = estimate_interval(known, statistic, seed)
        value = float(statistic(known)) if len(known) else float("nan")
        # Of equal values the resamples' sums may differ from theirs in the last bit; NaN stays NaN.
        summary |= {name: value, f"{name}_low": min(low, value), f"{name}_high": max(high, value)}
    return summary


def compare_pairs(before: pd.Series, after: pd.Series, seed: int) -> dict[str, float]:
    """What changed between two measurements of the same cases.

    Args:
        before: a value for each case.
        after: the same cases, in the same order; a case with an undefined value on either side is left out.
        seed: of the bootstrap.

    Returns:
        n; improved, worsened, unchanged: cases; mean and median difference with their intervals; wilcoxon_p:
        two-sided Wilcoxon signed-rank test. It is 1 where no case changed, NaN where there is none.
    """
    difference = (after - before).dropna().round(DECIMALS)
    changed = difference[difference != 0]
    p = 1.0 if len(difference) else float("nan")
    if len(changed):
        p = float(stats.wilcoxon(changed).pvalue)
    return {
        "n": len(difference),
        "improved": int((difference > 0).sum()),
        "worsened": int((difference < 0).sum()),
        "unchanged": int((difference == 0).sum()),
        **summarize_values(difference, seed),
        "wilcoxon_p": p,
    }
