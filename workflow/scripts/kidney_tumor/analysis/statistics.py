"""The uncertainty of the results: bootstrap intervals, prediction intervals and the paired test."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

RESAMPLES = 9999
CONFIDENCE = 0.95
SHARE = (0.0, 1.0)
"""The limits of a share, such as a Dice."""
DECIMALS = 9
"""The decimals to which differences are rounded, since rounding errors would be ranked as effects."""


def estimate_interval(
    values: np.ndarray, statistic: Callable[..., Any], seed: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Estimate the percentile bootstrap interval of a statistic of values, shape (n,); NaN for fewer than two.

    It uses percentiles, since BCa is undefined if all values are the same.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    result = stats.bootstrap(
        (values,), statistic, n_resamples=RESAMPLES, confidence_level=confidence, method="percentile", rng=rng
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def count_rows(chosen: np.ndarray, count: int) -> np.ndarray:
    """Count how often each of `count` rows is in each resample: shape (..., rows chosen) to (..., count)."""
    flat = chosen.reshape(-1, chosen.shape[-1]).astype(int)
    places = flat + count * np.arange(len(flat))[:, None]
    return np.bincount(places.ravel(), minlength=count * len(flat)).reshape(*chosen.shape[:-1], count).astype(float)


def bound_mean(
    values: np.ndarray, limits: tuple[float, float], seed: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Bound the mean of the population of values, shape (n,), that all lie within known limits, as a Dice does.

    It is Gaffke's interval (Learned-Miller and Thomas, arXiv 1905.06208, section 2): each end is a quantile of the mean
    of the values and of one more at the limit, weighted at random by the spacings of n uniform numbers. It allows for
    failures that are too rare to be among the values, and no population is known in which it holds the mean less often
    than it says; those of the bootstrap hold that of 20 Dice in 60 to 93 % (`tests/analysis/test_statistics.py`).
    """
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(values) + 1), RESAMPLES)
    tail, ordered = (1 - confidence) / 2, np.sort(values)
    low = np.quantile(weights @ [limits[0], *ordered], tail)
    high = np.quantile(weights @ [*ordered, limits[1]], 1 - tail)
    return float(low), float(high)


def bound_share(found: np.ndarray, known: np.ndarray) -> tuple[float, float]:
    """Bound a share of units that lie in clusters, such as that of tumors in patients; NaN if there is no unit.

    It is Clopper and Pearson's interval for the effective number of units (Korn and Graubard, Survey Methodology 24,
    1998, without their factor for degrees of freedom): that of a simple sample as precise as this one. Where all units
    are found, or none is, it is the number of clusters.

    Args:
        found: The number of units found in each cluster, shape (n,).
        known: The number of all of its units, at least 1, of the same shape.
    """
    units, clusters = int(known.sum()), len(known)
    if not units:
        return float("nan"), float("nan")
    share, effective = float(found.sum() / units), float(clusters)
    if 0 < share < 1:
        variance = clusters / max(clusters - 1, 1) * float(((found - share * known) ** 2).sum()) / units**2
        simple = share * (1 - share) / (units - 1)
        effective = min(units * simple / variance, units) if variance else units
    tail, hits = (1 - CONFIDENCE) / 2, share * effective
    low = float(stats.beta.ppf(tail, hits, effective - hits + 1)) if share > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, hits + 1, effective - hits)) if share < 1 else 1.0
    return low, high


def summarize_values(
    values: pd.Series, seed: int, confidence: float = CONFIDENCE, limits: tuple[float, float] | None = None
) -> dict[str, float]:
    """Compute the mean and median of values with their intervals; undefined values are left out.

    Args:
        values: The values.
        seed: The seed of the intervals.
        confidence: Their confidence.
        limits: The lowest and the highest value that there can be, with which the mean's interval is that of
            `bound_mean`; without, both intervals are percentiles of a bootstrap.
    """
    known = values.dropna().to_numpy(float)
    summary: dict[str, float] = {}
    for name, statistic in (("mean", np.mean), ("median", np.median)):
        low, high = estimate_interval(known, statistic, seed, confidence)
        if limits and name == "mean" and len(known) > 1:
            low, high = bound_mean(known, limits, seed, confidence)
        value = float(statistic(known)) if len(known) else float("nan")
        # If all values are equal, the means of resamples may differ in the last bit. NaN stays NaN.
        summary |= {name: value, f"{name}_low": min(low, value), f"{name}_high": max(high, value)}
    return summary


def bound_next_mean(values: np.ndarray, size: int) -> tuple[float, float]:
    """Compute the 95 % prediction interval for the mean of `size` further values, from n values of their population.

    It is Student's prediction interval: the further values are assumed to spread like the given ones, so that the two
    means differ with a standard error of s * sqrt(1 / n + 1 / size) (Hahn and Meeker, Statistical Intervals, 1991,
    chapter 4). It is exact for normal values, and too narrow if the mean depends on rare extreme values of which the
    given ones hold too few.

    Returns:
        The low and the high end of the interval; NaN for fewer than two values.
    """
    count = len(values)
    if count < 2:
        return float("nan"), float("nan")
    error = np.std(values, ddof=1) * np.sqrt(1 / count + 1 / size)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * error
    return float(np.mean(values) - half), float(np.mean(values) + half)


def bound_next_median(values: np.ndarray, size: int) -> tuple[float, float]:
    """Compute the 95 % prediction interval for the median of `size` further values, from n values of their population.

    The ends of the interval are two of the values. The number of further values below the r-th smallest of
    n follows a beta-binomial distribution for every population (Hahn and Meeker, Statistical Intervals, 1991, chapter
    5). r is the largest rank below which the median lies with a probability of at most 2.5 %, so that the interval
    holds the median with at least 95 %, and with more if values occur several times.

    Returns:
        The low and the high end of the interval; NaN for too few values, which are fewer than seven for `size` 20.
    """
    ranks = np.arange(1, len(values) + 1)
    # A median below a value has at least half of the further values below it.
    below = stats.betabinom.sf((size + 1) // 2 - 1, size, ranks, len(values) + 1 - ranks)
    rank = int((below <= (1 - CONFIDENCE) / 2).sum())
    if rank == 0:
        return float("nan"), float("nan")
    ordered = np.sort(values)
    return float(ordered[rank - 1]), float(ordered[-rank])


def format_p(p: float) -> str:
    """Write a p value for a sentence: `p = 0.21`, or `p < 0.001`, since tables on disk have six decimals."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def compare_pairs(before: pd.Series, after: pd.Series, seed: int, confidence: float = CONFIDENCE) -> dict[str, float]:
    """Compare two measurements of the same cases.

    The intervals are percentiles of a bootstrap. They know no change that is too rare to be among the cases: where one
    case in twelve loses most of its Dice and the others change little, they hold the mean of 20 such changes in about
    70 % (`tests/analysis/test_statistics.py`).

    Args:
        before: The first measurement, a value for each case.
        after: The second measurement of the same cases in the same order. A case with an undefined value is left out.
        seed: The seed of the bootstrap.
        confidence: The confidence of the intervals.

    Returns:
        n, improved, worsened and unchanged, which are numbers of cases; the mean and median difference with their
        intervals; and wilcoxon_p of the two-sided signed-rank test, 1 if no case changed and NaN if there is no case.
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
        **summarize_values(difference, seed, confidence),
        "wilcoxon_p": p,
    }


def bound_p(count: int) -> float:
    """Compute the smallest p value that the two-sided signed-rank test can give for a number of pairs; NaN for none.

    It is that of differences with the same sign, one of the 2 ** count assignments of signs and its opposite.
    """
    return min(2.0 ** (1 - count), 1.0) if count else float("nan")


def count_needed(tests: int = 1) -> int:
    """Count the pairs with which the signed-rank test can find a difference, each of several tests by Holm's method."""
    return next(count for count in itertools.count(1) if tests * bound_p(count) < 1 - CONFIDENCE)


def adjust_holm(ps: pd.Series) -> pd.Series:
    """Correct the p values of a family of tests by Holm's method; an undefined one, NaN, is no test of the family.

    The smallest of m is multiplied by m, the next by m - 1 and so on; none falls below one before it, or exceeds 1
    (Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979).
    """
    ordered = ps.dropna().sort_values(kind="stable")
    return (ordered * np.arange(len(ordered), 0, -1)).cummax().clip(upper=1).reindex(ps.index)
