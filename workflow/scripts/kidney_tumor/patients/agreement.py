"""The agreement of two measurements of the same tumors (Bland and Altman, Lancet 327, 1986)."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from kidney_tumor.analysis.scoring import STAGES
from kidney_tumor.analysis.statistics import CONFIDENCE
from kidney_tumor.data.measures import MEASURES

SIZES = ("tumor_axial_mm", "tumor_diameter_mm", "tumor_sphere_mm")
"""The measures that can be compared with the size in mm that a radiologist or a pathologist states."""
REFERENCES = ("radiographic_mm", "pathologic_mm")
RESAMPLES = 1999
"""The number of bootstrap resamples; tables show three digits of a correlation."""
FACTORS = ("factor", "factor_lower", "factor_upper")
"""The geometric mean of measured over reference, and its limits of agreement."""
NORMAL = stats.norm.ppf((1 + CONFIDENCE) / 2)
"""The standard deviations between the mean and the limits of agreement: 1.96."""


def measure_agreement(measured: pd.Series, reference: pd.Series, seed: int) -> dict[str, float]:
    """Measure how two measurements of the same cases agree; a case that lacks one of them is left out.

    All intervals are 95 % intervals: of a bootstrap over cases for both correlations; Student's for the bias, and Bland
    and Altman's (Statistical Methods in Medical Research 8, 1999) for the limits of agreement, which assume normal
    differences.

    Args:
        measured: The measurement, a value for each case.
        reference: The other measurement, with the same index.
        seed: The seed of the bootstrap.

    Returns:
        n; pearson; icc, the intraclass correlation of absolute agreement for two random raters and single values; bias,
        the mean of measured minus reference; lower and upper, the limits of agreement, 1.96 standard deviations of the
        differences from it; each but n with its interval, _low and _high. What too few cases leave undefined is NaN.
    """
    both = pd.DataFrame({"measured": measured, "reference": reference}).dropna()
    correlations = dict.fromkeys(("pearson", "icc"), (np.nan, np.nan, np.nan))
    if len(both) > 3 and both["measured"].std() > 0 and both["reference"].std() > 0:
        values = both.to_numpy(float).T
        correlations = {"pearson": resample(correlate, values, seed), "icc": resample(correlate_within, values, seed)}
    found: dict[str, float] = {"n": len(both)}
    for name, ends in (correlations | find_limits(both["measured"] - both["reference"])).items():
        found |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
    return found


def find_limits(difference: pd.Series) -> dict[str, tuple[float, float, float]]:
    """Find the bias of some differences and their limits of agreement, as `measure_agreement` describes them."""
    count, bias = len(difference), float(difference.mean())
    unknown = np.nan, np.nan, np.nan
    if count < 2:
        return {"bias": (bias, np.nan, np.nan), "lower": unknown, "upper": unknown}
    spread = float(difference.std())
    low, high = stats.ttest_1samp(difference, 0).confidence_interval(CONFIDENCE) if spread else (bias, bias)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * spread
    reach *= np.sqrt(1 / count + NORMAL**2 / (2 * (count - 1)))
    limits = {"lower": bias - NORMAL * spread, "upper": bias + NORMAL * spread}
    return {"bias": (bias, float(low), float(high))} | {
        name: (limit, limit - reach, limit + reach) for name, limit in limits.items()
    }


def resample(statistic: Callable[..., np.ndarray], values: np.ndarray, seed: int) -> tuple[float, float, float]:
    """Compute a statistic of values of the same cases, shape (columns, cases), and its bootstrap interval.

    Of so few cases that a resample may hold one alone, in which no correlation is defined, the interval is NaN.
    """
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings(category=stats.DegenerateDataWarning, action="ignore"):
        found = stats.bootstrap(values, statistic, paired=True, n_resamples=RESAMPLES, method="percentile", rng=rng)
    interval = found.confidence_interval
    return float(statistic(*values)), float(interval.low), float(interval.high)


def correlate(first: np.ndarray, second: np.ndarray, axis: int = -1) -> np.ndarray:
    """Compute Pearson's correlation of two measurements of the same cases, which lie along an axis."""
    x, y = (values - values.mean(axis, keepdims=True) for values in (first, second))
    with np.errstate(invalid="ignore"):  # a resample of one case alone
        correlation: np.ndarray = (x * y).sum(axis) / np.sqrt((x**2).sum(axis) * (y**2).sum(axis))
    return correlation


def correlate_within(*raters: np.ndarray, axis: int = -1) -> np.ndarray:
    """Compute the intraclass correlation ICC(A,1) of several measurements of the same cases, which lie along an axis.

    No well-kept library with a license like this project's has it. The formula is that of McGraw and Wong
    (Psychological Methods 1, 1996, table 4) for two-way random raters, absolute agreement and single values; it rests
    on the mean squares of a two-way analysis of variance.
    """
    values = np.moveaxis(np.stack(raters), axis, -1)  # raters first, cases last
    k, n = len(values), values.shape[-1]
    cases, means, mean = values.mean(0), values.mean(-1), values.mean((0, -1))
    between = k * ((cases - mean[..., None]) ** 2).sum(-1) / (n - 1)
    columns = n * ((means - mean) ** 2).sum(0) / (k - 1)
    rest = ((values - cases - means[..., None] + mean[..., None]) ** 2).sum((0, -1)) / ((n - 1) * (k - 1))
    with np.errstate(invalid="ignore"):
        icc: np.ndarray = (between - rest) / (between + (k - 1) * rest + k * (columns - rest) / n)
    return icc


def tabulate_agreement(cases: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Tabulate how the measured sizes of tumors agree with those that radiologist and pathologist state.

    Args:
        cases: The columns `SIZES` and `REFERENCES` in mm, with the case as index.
        seed: The seed of the bootstrap.

    Returns:
        A table with the columns measure, reference and those of `measure_agreement`; factor, the geometric mean of
        measured over reference, and factor_lower and factor_upper, the limits of agreement of their logarithms, since
        the differences grow with the size; and gain, by how much its icc is higher than that of the first measure,
        paired by case. Each has its interval.
    """
    rows = []
    for measure in SIZES:
        for reference in REFERENCES:
            known = cases[list(dict.fromkeys([SIZES[0], measure, reference]))].dropna()
            row: dict[str, Any] = {"measure": measure, "reference": reference}
            row |= measure_agreement(cases[measure], cases[reference], seed)
            limits = find_limits(np.log(known[measure] / known[reference]))
            found = {name: np.exp(ends) for name, ends in zip(FACTORS, limits.values(), strict=True)}
            can_gain = measure != SIZES[0] and len(known) > 3
            found["gain"] = np.array(resample(_gain, known.to_numpy(float).T, seed) if can_gain else [np.nan] * 3)
            for name, ends in found.items():
                row |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
            rows.append(row)
    return pd.DataFrame(rows)


def _gain(first: np.ndarray, second: np.ndarray, reference: np.ndarray, axis: int = -1) -> np.ndarray:
    """Compute by how much the second measurement agrees better with the reference than the first."""
    return correlate_within(second, reference, axis=axis) - correlate_within(first, reference, axis=axis)


def tabulate_mask_agreement(morphometry: pd.DataFrame, record: pd.DataFrame | None, seed: int) -> pd.DataFrame:
    """Tabulate how the measures of the networks' masks agree with the truth and with the stated sizes.

    Args:
        morphometry: The columns case, stage (truth, before, after) and the measures of the test cases; a case that
            several splits test counts once, with its means, and has none where a split found no tumor.
        record: The columns `REFERENCES` in mm, with the case as index; None without a clinical record.
        seed: The seed of the bootstrap.

    Returns:
        A table with the columns stage, measure, reference (truth or one of `REFERENCES`), missed (the cases in which
        the stage has no tumor to measure) and those of `measure_agreement`. The labels' own agreement with the stated
        sizes, in the same cases, has the stage truth.
    """
    cases = morphometry.groupby(["stage", "case"])[list(MEASURES)].agg(lambda values: values.mean(skipna=False))
    truth = cases.loc["truth"]
    rows = []
    for stage in ("truth", *STAGES):
        found = cases.loc[stage].reindex(truth.index)
        pairs = [(measure, "truth", truth[measure]) for measure in MEASURES] if stage in STAGES else []
        if record is not None:
            stated = record.reindex(truth.index)
            pairs += [(measure, reference, stated[reference]) for measure in SIZES for reference in REFERENCES]
        for measure, reference, values in pairs:
            missed = int((found[measure].isna() & values.notna()).sum())
            agreement = measure_agreement(found[measure], values, seed)
            rows.append({"stage": stage, "measure": measure, "reference": reference, "missed": missed, **agreement})
    return pd.DataFrame(rows)


def pair_errors(morphometry: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Pair the error of the axial diameter of the networks' masks with the Dice of the tumor.

    Args:
        morphometry: The table that `tabulate_mask_agreement` takes, with a column split if there are several.
        scores: The tables that `scoring.score_case` returns, of the same cases.

    Returns:
        The columns case, stage (before or after), dice and error, segmented minus true in mm, NaN without a tumor.
    """
    keys = [key for key in ("split", "case", "stage") if key in morphometry]
    errors = morphometry.merge(scores[scores["target"] == "tumor"], on=keys)
    true = morphometry[morphometry["stage"] == "truth"].drop_duplicates("case").set_index("case")[SIZES[0]]
    return errors.assign(error=errors[SIZES[0]] - errors["case"].map(true))[["case", "stage", "dice", "error"]]


def find_outliers(cases: pd.DataFrame, agreement: pd.DataFrame) -> pd.DataFrame:
    """Find the cases whose factor is outside its limits of agreement, the farthest first within each pair.

    Args:
        cases: The table that `tabulate_agreement` takes.
        agreement: The table that it returns.

    Returns:
        A table with the columns measure, reference, case, measured and stated, in mm, and factor, measured over stated.
    """
    tables = []
    for row in agreement.itertuples():
        pair = pd.DataFrame({"measured": cases[row.measure], "stated": cases[row.reference]})
        pair["factor"] = pair["measured"] / pair["stated"]
        outside = pair[(pair["factor"] < row.factor_lower) | (pair["factor"] > row.factor_upper)]
        outside = outside.sort_values("factor", key=lambda value: -np.log(value / row.factor).abs(), kind="stable")
        tables.append(outside.reset_index(names="case").assign(measure=row.measure, reference=row.reference))
    columns = ["measure", "reference", "case", "measured", "stated", "factor"]
    return pd.concat(tables, ignore_index=True)[columns]
