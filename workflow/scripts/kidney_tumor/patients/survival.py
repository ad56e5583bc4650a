"""Whether the patients with the larger measure die first: Harrell's C index and its test."""

import numpy as np
from scipy import stats


def mark_earlier(days: np.ndarray, died: np.ndarray) -> np.ndarray:
    """Mark the pairs of patients of whom it is known who lived shorter, shape (n, n), bool: the first died before.

    Who was last seen on the day of another's death lived longer. Two who died on the same day are no pair.

    Args:
        days: The days from the operation to the death, or to the last that is known, shape (n,).
        died: Whether it is the death, shape (n,), bool.
    """
    later = (days > days[:, None]) | ((days == days[:, None]) & ~died)
    return died[:, None] & later


def compute_concordance(values: np.ndarray, earlier: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Compute Harrell's C index: the share of pairs in which the larger value belongs to the patient who died first.

    Equal values count half (Harrell et al., Statistics in Medicine 15, 1996). Without a pair it is 0.5.

    Args:
        values: The measure of each patient, shape (n,).
        earlier: The pairs, as `mark_earlier` returns them.
        counts: How often each patient is in a resample, shape (..., n).
    """
    larger = np.sign(values[:, None] - values) / 2 + 0.5
    agreeing, all_pairs = (((counts @ pairs) * counts).sum(-1) for pairs in (earlier * larger, earlier.astype(float)))
    return np.where(all_pairs > 0, agreeing / np.where(all_pairs > 0, all_pairs, 1), 0.5)


def compute_p(values: np.ndarray, earlier: np.ndarray) -> float:
    """Test whether the C index is 0.5; return the two-sided p value.

    At each death, the patient who dies is compared with all who are at risk; without an association it could be any of
    them. The sum over the deaths is divided by its standard error, and taken as normal. Of two groups, this is Gehan's
    test (Biometrika 52, 1965).

    Args:
        values: The measure of each patient, shape (n,).
        earlier: The pairs, as `mark_earlier` returns them, with at least one.
    """
    score = variance = 0.0
    for patient in np.flatnonzero(earlier.any(1)):
        at_risk = values[earlier[patient] | (np.arange(len(values)) == patient)]
        signs = np.sign(at_risk[:, None] - at_risk).sum(1)
        score += np.sign(values[patient] - at_risk).sum()
        variance += (signs**2).mean()
    return float(2 * stats.norm.sf(abs(score) / np.sqrt(variance))) if variance > 0 else float("nan")
