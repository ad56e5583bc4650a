"""The agreement of two measurements of the same tumors (Bland and Altman, Lancet 327, 1986)."""

import numpy as np
import pandas as pd
from scipy import stats

from kidney_tumor.analysis.morphometry import MEASURES
from kidney_tumor.analysis.scoring import STAGES
from kidney_tumor.analysis.statistics import CONFIDENCE

SIZES = ("tumor_axial_mm", "tumor_diameter_mm", "tumor_sphere_mm")
"""The measures that can be compared with the size in mm that a radiologist or a pathologist states."""
REFERENCES = ("radiographic_mm", "pathologic_mm")
NORMAL = stats.norm.ppf((1 + CONFIDENCE) / 2)
"""The standard deviations between the mean and the limits of agreement: 1.96."""


def measure_agreement(measured: pd.Series, reference: pd.Series) -> dict[str, float]:
    """Measure how two measurements of the same cases agree; a case that lacks one of them is left out.

    The intervals are Fisher's for the correlation, those of McGraw and Wong (Psychological Methods 1, 1996) for the
    intraclass correlation, Student's for the bias, and Bland and Altman's (Statistical Methods in Medical Research 8,
    1999) for the limits of agreement. All are 95 % intervals and assume normal differences.

    Args:
        measured: The measurement, a value for each case.
        reference: The other measurement, with the same index.

    Returns:
        n; pearson; icc, the intraclass correlation of absolute agreement for two random raters and single values; bias,
        the mean of measured minus reference; lower and upper, the limits of agreement, 1.96 standard deviations of the
        differences from it; each but n with its interval, _low and _high. What too few cases leave undefined is NaN.
    """
    both = pd.DataFrame({"measured": measured, "reference": reference}).dropna()
    difference = both["measured"] - both["reference"]
    count, bias = len(both), float(difference.mean())
    names = ("pearson", "icc", "bias", "lower", "upper")
    found = dict.fromkeys(names, (np.nan, np.nan, np.nan)) | {"bias": (bias, np.nan, np.nan)}
    if count > 1:
        spread = float(difference.std())
        low, high = stats.ttest_1samp(difference, 0).confidence_interval(CONFIDENCE) if spread else (bias, bias)
        found["bias"] = bias, float(low), float(high)
        reach = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * spread
        reach *= np.sqrt(1 / count + NORMAL**2 / (2 * (count - 1)))
        for name, limit in (("lower", bias - NORMAL * spread), ("upper", bias + NORMAL * spread)):
            found[name] = limit, limit - reach, limit + reach
    if count > 3 and both["measured"].std() > 0 and both["reference"].std() > 0:
        found["pearson"], found["icc"] = _correlate(both), correlate_within(both.to_numpy())
    result: dict[str, float] = {"n": count}
    for name, (value, low, high) in found.items():
        result |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return result


def _correlate(both: pd.DataFrame) -> tuple[float, float, float]:
    """Compute Pearson's correlation of two columns and its interval."""
    result = stats.pearsonr(both["measured"], both["reference"])
    interval = result.confidence_interval(CONFIDENCE)
    return float(result.statistic), float(interval.low), float(interval.high)


def correlate_within(values: np.ndarray) -> tuple[float, float, float]:
    """Compute the intraclass correlation ICC(A,1) of values, shape (cases, raters), and its interval.

    No well-kept library with a license like this project's has it. The formulas are those of McGraw and Wong
    (Psychological Methods 1, 1996, tables 4 and 7, with their correction) for two-way random raters, absolute agreement
    and single values; they rest on the mean squares of a two-way analysis of variance.
    """
    n, k = values.shape
    cases, raters, mean = values.mean(1, keepdims=True), values.mean(0, keepdims=True), values.mean()
    between = k * ((cases - mean) ** 2).sum() / (n - 1)
    columns = n * ((raters - mean) ** 2).sum() / (k - 1)
    rest = ((values - cases - raters + mean) ** 2).sum() / ((n - 1) * (k - 1))
    icc = (between - rest) / (between + (k - 1) * rest + k * (columns - rest) / n)
    if rest <= 0 or icc >= 1:
        return float(icc), np.nan, np.nan
    a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * columns + b * rest) ** 2 / ((a * columns) ** 2 / (k - 1) + (b * rest) ** 2 / ((n - 1) * (k - 1)))
    wide, narrow = (stats.f.ppf((1 + CONFIDENCE) / 2, *pair) for pair in ((n - 1, freedom), (freedom, n - 1)))
    spread = k * columns + (k * n - k - n) * rest
    low = n * (between - wide * rest) / (wide * spread + n * between)
    high = n * (narrow * between - rest) / (spread + n * narrow * between)
    return float(icc), float(low), float(high)


def tabulate_agreement(cases: pd.DataFrame) -> pd.DataFrame:
    """Tabulate how the measured sizes of tumors agree with those that radiologist and pathologist state.

    Args:
        cases: The columns `SIZES` and `REFERENCES` in mm, with the case as index.

    Returns:
        A table with the columns measure, reference and those of `measure_agreement`.
    """
    return pd.DataFrame(
        {"measure": measure, "reference": reference, **measure_agreement(cases[measure], cases[reference])}
        for measure in SIZES
        for reference in REFERENCES
    )


def tabulate_mask_agreement(morphometry: pd.DataFrame, record: pd.DataFrame | None) -> pd.DataFrame:
    """Tabulate how the measures of the networks' masks agree with the truth and with the stated sizes.

    Args:
        morphometry: The columns case, stage (truth, before, after) and the measures of the test cases; a case that
            several splits test counts once, with its means, and has none where a split found no tumor.
        record: The columns `REFERENCES` in mm, with the case as index; None without a clinical record.

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
            agreement = measure_agreement(found[measure], values)
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
    """Find the cases outside the limits of agreement, the farthest first within each pair of measurements.

    Args:
        cases: The table that `tabulate_agreement` takes.
        agreement: The table that it returns.

    Returns:
        A table with the columns measure, reference, case, measured, stated and difference, in mm.
    """
    tables = []
    for row in agreement.itertuples():
        pair = pd.DataFrame({"measured": cases[row.measure], "stated": cases[row.reference]})
        pair["difference"] = pair["measured"] - pair["stated"]
        outside = pair[(pair["difference"] < row.lower) | (pair["difference"] > row.upper)]
        outside = outside.sort_values("difference", key=lambda value: -(value - row.bias).abs(), kind="stable")
        tables.append(outside.reset_index(names="case").assign(measure=row.measure, reference=row.reference))
    columns = ["measure", "reference", "case", "measured", "stated", "difference"]
    return pd.concat(tables, ignore_index=True)[columns]
