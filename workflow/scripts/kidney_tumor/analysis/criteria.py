"""Which criterion tells the true tumor candidates of the networks from the false ones, and what a rule of it does."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from kidney_tumor.analysis.candidates import CaseCandidates
from kidney_tumor.analysis.lesions import LEAST_IOU, match_overlaps
from kidney_tumor.analysis.statistics import count_rows, estimate_interval

CRITERIA: Mapping[str, tuple[float, float]] = {
    "overlap": (5, 100),
    "ml": (5, 100),
    "flatness": (5, 100),
    "solidity": (5, 100),
    "sphericity": (5, 100),
    "ratio_voxel": (5, 95),
    "ratio_mm": (5, 95),
}
"""The criteria, and the percentiles of the true candidates between which a rule keeps one; 100 is no upper bound."""
NOTHING = "none"
"""The name of the rule that keeps all candidates."""


def tabulate_criteria(cases: Sequence[CaseCandidates], seed: int) -> pd.DataFrame:
    """Tabulate how each criterion tells true candidates from false ones, and what a rule of it alone does.

    A candidate is true if it touches a labeled tumor. A rule keeps the candidates between percentiles of the true ones
    (`CRITERIA`) of all other patients, so that no patient decides on itself. The first row keeps all candidates.

    Args:
        cases: The candidates of each case; a case that several splits test counts as one patient.
        seed: The seed of the bootstrap.

    Returns:
        A table with the columns criterion; true and false, the numbers of candidates; auc, the probability that a true
        one has the larger value (0.5: no help); low and high, the bounds from all true candidates; dice, the mean Dice
        of the tumor, and change, what the rule changes of it; emptied, the share of the cases with a labeled tumor of
        which nothing is left; sensitivity, the share of labeled tumors that are found; and false_per_case, the mean
        number of predicted tumors that are none (both as in `lesions.score_lesions`). Each has a 95 % interval from a
        bootstrap of patients, _low and _high. And cases and tumors, the numbers of patients and of labeled tumors.
    """
    numbers = pd.factorize(pd.Series([one.case for one in cases]))[0]
    truth = [one.common > 0 for one in cases]
    plain = np.array([score_kept(one, np.ones(len(one.voxels), bool)) for one in cases])
    rows = []
    for criterion in (NOTHING, *CRITERIA):
        row: dict[str, Any] = {"criterion": criterion, "cases": int(numbers.max()) + 1}
        row |= {"true": int(sum(map(sum, truth))), "false": int(sum((~one).sum() for one in truth))}
        if criterion != NOTHING:
            values = [one.measures[criterion] for one in cases]
            row |= _estimate("auc", count_pairs(values, truth, numbers), _compute_share, seed)
            row["low"], row["high"] = bound_true(values, truth, criterion)
        scores = np.array([score_kept(*pair) for pair in zip(cases, apply_rule(cases, criterion), strict=True)])
        row |= {"tumors": int(scores[:, 3].sum())}
        per_case = [group_cases(column, numbers) for column in scores.T]
        change = group_cases(scores[:, 0] - plain[:, 0], numbers)
        row |= _estimate("dice", per_case[0], _compute_mean, seed) | _estimate("change", change, _compute_mean, seed)
        row |= _estimate("emptied", per_case[1], _compute_mean, seed)
        found = np.stack([per_case[2][0], per_case[3][0]])
        row |= _estimate("sensitivity", found, _compute_mean, seed)
        row |= _estimate("false_per_case", per_case[4], _compute_mean, seed)
        rows.append(row)
    return pd.DataFrame(rows)


def bound_true(values: Sequence[np.ndarray], truth: Sequence[np.ndarray], criterion: str) -> tuple[float, float]:
    """Bound a criterion by the percentiles of the true candidates that its rule has; without any, by nothing."""
    known = np.concatenate([value[true] for value, true in zip(values, truth, strict=True)])
    known = known[np.isfinite(known)]
    if not len(known):
        return -inf, inf
    low, high = CRITERIA[criterion]
    return float(np.percentile(known, low)), float(np.percentile(known, high)) if high < 100 else inf


def apply_rule(cases: Sequence[CaseCandidates], criterion: str) -> Iterator[np.ndarray]:
    """Mark the candidates of each case that the rule of a criterion, with the bounds of all others, keeps."""
    for one in cases:
        if criterion == NOTHING:
            yield np.ones(len(one.voxels), bool)
            continue
        others = [other for other in cases if other.case != one.case]
        values = [other.measures[criterion] for other in others]
        low, high = bound_true(values, [other.common > 0 for other in others], criterion) if others else (-inf, inf)
        yield (one.measures[criterion] >= low) & (one.measures[criterion] <= high)


def score_kept(case: CaseCandidates, kept: np.ndarray) -> tuple[float, float, int, int, int]:
    """Score the candidates that are kept.

    Returns:
        The Dice of the tumor and whether it is emptied, NaN where they are undefined; the numbers of labeled tumors
        that are found, of all, and of false ones.
    """
    both = case.label_voxels + int(case.voxels[kept].sum())
    dice = 2 * int(case.common[kept].sum()) / both if both else np.nan
    emptied = float(not kept.any()) if case.label_voxels else np.nan
    partner, iou = match_overlaps(case.shared[:, kept], case.tumors, case.voxels[kept])
    return dice, emptied, int((partner >= 0).sum()), len(case.tumors), int((~(iou >= LEAST_IOU).any(0)).sum())


def count_pairs(values: Sequence[np.ndarray], truth: Sequence[np.ndarray], numbers: np.ndarray) -> np.ndarray:
    """Count the pairs of a true and a false candidate of two patients, and those whose true one is larger.

    Args:
        values: The criterion of each case's candidates.
        truth: Which of them are true.
        numbers: The number of each case's patient from 0.

    Returns:
        Shape (2, patients, patients): with the true one of the first patient and the false one of the second, the pairs
        with the larger true one (equal ones count half), and all.
    """
    owner = np.repeat(numbers, [len(one) for one in values])
    value, true = np.concatenate(values), np.concatenate(truth)
    larger = (value[true][:, None] > value[~true]) + (value[true][:, None] == value[~true]) / 2
    pairs = np.zeros((2, numbers.max() + 1, numbers.max() + 1))
    for table, added in zip(pairs, (larger, np.ones_like(larger)), strict=True):
        np.add.at(table, (owner[true][:, None], owner[~true][None]), added)
    return pairs


def group_cases(values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Sum the values of each patient that are defined, and count them: shape (2, patients)."""
    known = np.isfinite(values)
    return np.stack([np.bincount(numbers[known], part[known], numbers.max() + 1) for part in (values, known * 1.0)])


def _compute_mean(grouped: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Divide the sums of the chosen patients, shape (..., patients), by their counts."""
    return _divide(*(part[chosen].sum(-1) for part in grouped))


def _compute_share(pairs: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Divide the sums over the pairs of the chosen patients."""
    counts = count_rows(chosen, pairs.shape[-1])
    return _divide(*(((counts @ part) * counts).sum(-1) for part in pairs))


def _divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.asarray(above) / np.asarray(below)


def _estimate(
    name: str, grouped: np.ndarray, compute: Callable[[np.ndarray, np.ndarray], np.ndarray], seed: int
) -> dict[str, float]:
    """Compute a statistic of all patients, with the interval from resampling them."""
    everyone = np.arange(grouped.shape[-1])
    low, high = estimate_interval(everyone, lambda chosen, axis=-1: compute(grouped, chosen.astype(int)), seed)
    return {name: float(compute(grouped, everyone)), f"{name}_low": low, f"{name}_high": high}
