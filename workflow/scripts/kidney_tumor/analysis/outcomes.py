"""The association of tumor measures with clinical outcomes, beside that of the radiologist's tumor size."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from kidney_tumor.analysis.morphometry import MEASURES
from kidney_tumor.analysis.statistics import CONFIDENCE
from kidney_tumor.data.record import BINARY, CONTINUOUS

BASELINE = "radiographic_mm"
"""The measure with which the others are compared: the size that the radiologist states."""
RESAMPLES = 1999
"""The number of bootstrap resamples of each of some 150 associations; tables show three digits of them."""
SIGNIFICANT = 0.05
"""The false discovery rate below which an association counts as found."""


def tabulate_outcomes(cases: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Measure the association of each measure with each outcome.

    A binary outcome has the area under the ROC curve, the probability that a patient with the outcome has the larger
    measure (0.5: no association), and the p value of the Mann-Whitney test. An amount has Spearman's rank correlation
    (0: no association) and its test. Intervals are 95 % percentile bootstrap intervals over patients, within those with
    and those without a binary outcome.

    Args:
        cases: A row for each patient, with the measures, the baseline and the outcomes; missing values are NaN.
        seed: The seed of the bootstrap.

    Returns:
        A table with the columns outcome, statistic (auc or spearman), measure, n (patients with both values), events
        (those of them with a binary outcome), value, low, high, p; q, the p value corrected for the false discovery
        rate of the whole table (Benjamini and Hochberg); and gain, gain_low, gain_high: by how much the association,
        taken in its own direction, is stronger than that of the baseline in the patients who have all three values.
        What cannot be computed is NaN, such as the area where fewer than two patients are on one side.
    """
    rows = []
    for outcome in (*BINARY, *CONTINUOUS):
        for measure in (BASELINE, *MEASURES):
            known = cases[[measure, outcome]].dropna()
            row: dict[str, Any] = {
                "outcome": outcome,
                "statistic": "auc" if outcome in BINARY else "spearman",
                "measure": measure,
            }
            row |= {"n": len(known), "events": int(known[outcome].sum()) if outcome in BINARY else np.nan}
            row |= dict(zip(("value", "p"), measure_association(known[measure], known[outcome]), strict=True))
            row |= dict(zip(("low", "high"), _bootstrap(known, [measure], outcome, seed)[1:], strict=True))
            if measure != BASELINE:
                gain = _bootstrap(cases[[measure, BASELINE, outcome]].dropna(), [measure, BASELINE], outcome, seed)
                row |= dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
            rows.append(row)
    table = pd.DataFrame(rows)
    table["q"] = correct_p_values(table["p"])
    head = ["outcome", "statistic", "measure", "n", "events", "value", "low", "high", "p", "q"]
    return table[[*head, "gain", "gain_low", "gain_high"]]


def correct_p_values(p: pd.Series) -> pd.Series:
    """Correct p values for the false discovery rate (Benjamini and Hochberg); undefined ones do not count."""
    known = p.dropna()
    return pd.Series(stats.false_discovery_control(known) if len(known) else [], known.index).reindex(p.index)


def measure_association(measure: pd.Series, outcome: pd.Series) -> tuple[float, float]:
    """Measure and test the association of a measure with an outcome, whose name says whether it is binary.

    Returns:
        The area under the ROC curve or Spearman's correlation, and the p value; NaN where they are undefined.
    """
    if not _is_defined(measure, outcome):
        return np.nan, np.nan
    if outcome.name in BINARY:
        result = stats.mannwhitneyu(measure[outcome == 1], measure[outcome == 0])
        return float(result.statistic) / int((outcome == 1).sum()) / int((outcome == 0).sum()), float(result.pvalue)
    result = stats.spearmanr(measure, outcome)
    return float(result.statistic), float(result.pvalue)


def _is_defined(measure: pd.Series, outcome: pd.Series) -> bool:
    """Return whether there are enough patients: two on each side of a binary outcome, three that differ of another."""
    if outcome.name in BINARY:
        return min((outcome == 1).sum(), (outcome == 0).sum()) >= 2
    return len(measure) >= 3 and measure.nunique() > 1 and outcome.nunique() > 1


def _bootstrap(known: pd.DataFrame, measures: Sequence[str], outcome: str, seed: int) -> tuple[float, float, float]:
    """Compute an association, or how much stronger the first of two is, with its bootstrap interval.

    Args:
        known: The columns `measures` and `outcome`, without missing values.
        measures: One measure, or two whose associations are compared, each in its own direction.
        outcome: The name of the outcome.
        seed: The seed of the bootstrap.
    """
    if not all(_is_defined(known[measure], known[outcome]) for measure in measures):
        return np.nan, np.nan, np.nan
    values, result = known[list(measures)].to_numpy(float).T, known[outcome].to_numpy(float)
    rows = np.arange(len(known))
    samples = (rows[result == 1], rows[result == 0]) if outcome in BINARY else (rows,)

    def associate(*chosen: np.ndarray, axis: int = -1) -> np.ndarray:
        """Compute each measure's association in resamples of rows, shape (..., patients): shape (measures, ...)."""
        picked = values[:, np.concatenate(chosen, axis=-1)]
        if outcome in BINARY:
            return compute_auc(picked, chosen[0].shape[-1])
        return _correlate(stats.rankdata(picked, axis=-1), stats.rankdata(result[chosen[0]], axis=-1))

    points = associate(*samples)
    if len(measures) == 1:
        signs, offset = np.ones(1), 0.0
    else:
        null = 0.5 if outcome in BINARY else 0.0
        signs = np.where(points >= null, 1.0, -1.0) * (1, -1)
        offset = -null * signs.sum()

    def combine(*chosen: np.ndarray, axis: int = -1) -> np.ndarray:
        """Compute the association, or the difference of the two, in resamples."""
        return np.tensordot(signs, associate(*chosen), 1) + offset

    interval = stats.bootstrap(
        samples,
        combine,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        paired=False,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(combine(*samples)), float(interval.low), float(interval.high)


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
