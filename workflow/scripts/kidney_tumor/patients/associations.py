"""The association of tumor measures with clinical outcomes, beside that of the radiologist's tumor size."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from kidney_tumor.analysis.statistics import CONFIDENCE, count_rows
from kidney_tumor.data.measures import MEASURES
from kidney_tumor.data.record import BINARY, CONTINUOUS, SURVIVAL
from kidney_tumor.patients.survival import compute_concordance, compute_p, mark_earlier

BASELINE = "radiographic_mm"
"""The measure with which the others are compared: the size that the radiologist states."""
DEATH = "death"
"""The outcome that has a time: how early a patient dies."""
OUTCOMES = (*BINARY, DEATH, *CONTINUOUS)
NULL = {"auc": 0.5, "c_index": 0.5, "spearman": 0.0}
"""The value of each statistic where there is no association."""
MARGIN = {"auc": 0.05, "c_index": 0.05, "spearman": 0.1}
"""The difference from the baseline that does not matter, an assumption: a tenth of the way from none to a whole one."""
RESAMPLES = 1999
"""The number of bootstrap resamples of each of some 170 associations; tables show three digits of them."""
SIGNIFICANT = 0.05
"""The false discovery rate below which an association counts as found."""


def tabulate_outcomes(cases: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Measure the association of each measure with each outcome.

    A binary outcome has the area under the ROC curve, the probability that a patient with the outcome has the larger
    measure (0.5: no association), and the p value of the Mann-Whitney test. Death has Harrell's C index, the
    probability that of two patients the one with the larger measure dies first (0.5: no association), and Gehan's test.
    An amount has Spearman's rank correlation (0: no association) and its test. Intervals are 95 % percentile bootstrap
    intervals over patients, within those with and those without a binary outcome.

    Args:
        cases: A row for each patient, with the measures, the baseline and the outcomes; missing values are NaN.
        seed: The seed of the bootstrap.

    Returns:
        A table with the columns outcome, statistic (auc, c_index or spearman), measure, n (patients with both values),
        events (those of them with a binary outcome, or who died), value, low, high, p; q, the p value corrected for the
        false discovery rate of the whole table (Benjamini and Hochberg); gain, gain_low, gain_high: by how much the
        association, taken in its own direction, is stronger than that of the baseline in the patients who have all
        values; and verdict, what `judge_gain` says. What cannot be computed is NaN, such as the area where fewer than
        two patients are on one side.
    """
    rows = []
    for outcome in OUTCOMES:
        for measure in (BASELINE, *MEASURES):
            known = select_known(cases, [measure], outcome)
            row: dict[str, Any] = {"outcome": outcome, "statistic": name_statistic(outcome), "measure": measure}
            row |= {"n": len(known), "events": count_events(known, outcome)}
            row |= dict(zip(("value", "p"), measure_association(known, measure, outcome), strict=True))
            row |= dict(zip(("low", "high"), bound(resample(known, [measure], outcome, seed)), strict=True))
            if measure != BASELINE:
                row |= _compare_with_baseline(cases, measure, outcome, seed)
            rows.append(row)
    table = pd.DataFrame(rows)
    table["q"] = correct_p_values(table["p"])
    head = ["outcome", "statistic", "measure", "n", "events", "value", "low", "high", "p", "q"]
    return table[[*head, "gain", "gain_low", "gain_high", "verdict"]]


def name_statistic(outcome: str) -> str:
    """Name the statistic of an association with an outcome."""
    return "auc" if outcome in BINARY else "c_index" if outcome == DEATH else "spearman"


def select_known(cases: pd.DataFrame, measures: Sequence[str], outcome: str) -> pd.DataFrame:
    """Select the measures and the outcome, and the patients in whom all are known."""
    return cases[[*measures, *(SURVIVAL if outcome == DEATH else [outcome])]].dropna()


def count_events(known: pd.DataFrame, outcome: str) -> float:
    """Count the patients with a binary outcome, or who died; NaN for an amount."""
    column = {DEATH: "died"}.get(outcome, outcome)
    return float("nan") if outcome in CONTINUOUS else int(known[column].sum())


def correct_p_values(p: pd.Series) -> pd.Series:
    """Correct p values for the false discovery rate (Benjamini and Hochberg); undefined ones do not count."""
    known = p.dropna()
    return pd.Series(stats.false_discovery_control(known) if len(known) else [], known.index).reindex(p.index)


def measure_association(known: pd.DataFrame, measure: str, outcome: str) -> tuple[float, float]:
    """Measure and test the association of a measure with an outcome, by a table that `select_known` returns.

    Returns:
        The statistic and the p value; NaN where they are undefined.
    """
    if not is_defined(known, measure, outcome):
        return np.nan, np.nan
    if outcome == DEATH:
        values, earlier = known[measure].to_numpy(float), _mark_deaths(known)
        return float(compute_concordance(values, earlier, np.ones(len(known)))), compute_p(values, earlier)
    if outcome in BINARY:
        sides = [known.loc[known[outcome] == side, measure] for side in (1, 0)]
        result = stats.mannwhitneyu(*sides)
        return float(result.statistic) / len(sides[0]) / len(sides[1]), float(result.pvalue)
    result = stats.spearmanr(known[measure], known[outcome])
    return float(result.statistic), float(result.pvalue)


def _mark_deaths(known: pd.DataFrame) -> np.ndarray:
    days, died = (known[column].to_numpy(float) for column in SURVIVAL)
    return mark_earlier(days, died == 1)


def is_defined(known: pd.DataFrame, measure: str, outcome: str) -> bool:
    """Return whether there are enough patients.

    Two on each side of a binary outcome, two who died before another, three that differ of an amount.
    """
    if outcome == DEATH:
        return int(_mark_deaths(known).any(1).sum()) >= 2
    if outcome in BINARY:
        return min((known[outcome] == 1).sum(), (known[outcome] == 0).sum()) >= 2
    return len(known) >= 3 and known[measure].nunique() > 1 and known[outcome].nunique() > 1


def resample(known: pd.DataFrame, measures: Sequence[str], outcome: str, seed: int) -> np.ndarray:
    """Compute the associations of measures with an outcome in resamples of patients, shape (measures, resamples).

    Args:
        known: The table that `select_known` returns.
        measures: The measures.
        outcome: The name of the outcome.
        seed: The seed of the bootstrap.

    Returns:
        The associations; NaN where one is undefined.
    """
    if not all(is_defined(known, measure, outcome) for measure in measures):
        return np.full((len(measures), 1), np.nan)
    values, rows = known[list(measures)].to_numpy(float).T, np.arange(len(known))
    result = known.iloc[:, -1].to_numpy(float)
    samples = (rows[result == 1], rows[result == 0]) if outcome in BINARY else (rows,)
    earlier = _mark_deaths(known) if outcome == DEATH else None

    def associate(*chosen: np.ndarray, axis: int = -1) -> np.ndarray:
        """Compute each measure's association in resamples of rows, shape (..., patients): shape (measures, ...)."""
        if earlier is not None:
            counts = count_rows(chosen[0], len(rows))
            return np.stack([compute_concordance(one, earlier, counts) for one in values])
        picked = values[:, np.concatenate(chosen, axis=-1)]
        if outcome in BINARY:
            return compute_auc(picked, chosen[0].shape[-1])
        return _correlate(stats.rankdata(picked, axis=-1), stats.rankdata(result[chosen[0]], axis=-1))

    return stats.bootstrap(
        samples,
        associate,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        paired=False,
        rng=np.random.default_rng(seed),
    ).bootstrap_distribution


def bound(resampled: np.ndarray) -> tuple[float, float]:
    """Bound a statistic by the percentiles of its resamples: the 95 % interval."""
    low, high = np.percentile(resampled, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return float(low), float(high)


def _compare_with_baseline(cases: pd.DataFrame, measure: str, outcome: str, seed: int) -> dict[str, Any]:
    """Compute how much stronger an association is than the baseline's, each in its own direction."""
    pair, statistic = [measure, BASELINE], name_statistic(outcome)
    known = select_known(cases, pair, outcome)
    points = np.array([measure_association(known, name, outcome)[0] for name in pair])
    signs = np.where(points >= NULL[statistic], 1, -1) * (1, -1)
    gain = signs @ (points - NULL[statistic])
    low, high = bound(signs @ (resample(known, pair, outcome, seed) - NULL[statistic]))
    return {"gain": gain, "gain_low": low, "gain_high": high, "verdict": judge_gain(low, high, MARGIN[statistic])}


def judge_gain(low: float, high: float, margin: float) -> str:
    """Judge an association beside the baseline's by the 95 % interval of what it gains; empty if there is none.

    It is equivalent if the whole interval is within the margin, else better or worse if the interval excludes 0, and
    else it cannot be told.
    """
    if np.isnan(low):
        return ""
    if -margin < low and high < margin:
        return "equivalent"
    return "better" if low > 0 else "worse" if high < 0 else "cannot be told"


def compute_auc(values: np.ndarray, positives: int) -> np.ndarray:
    """Compute the area under the ROC curve from values, shape (..., patients), of which the first have the outcome."""
    negatives = values.shape[-1] - positives
    ranks = stats.rankdata(values, axis=-1)[..., :positives].sum(-1)
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def _correlate(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute Pearson's correlation along the last axis; 0 where all values of one side are the same."""
    first, second = (side - side.mean(-1, keepdims=True) for side in (first, second))
    scale = np.sqrt((first**2).sum(-1) * (second**2).sum(-1))
    return np.where(scale > 0, (first * second).sum(-1) / np.where(scale > 0, scale, 1), 0.0)
