"""Harrell's C index and its test, against pairs one by one, Gehan's test and permutations."""

import itertools

import numpy as np
import pytest
from scipy import stats

from kidney_tumor.patients.survival import compute_concordance, compute_p, mark_earlier


def draw(rng, count=40):
    """Sizes and days with ties; about half of the patients die."""
    return rng.integers(0, 8, count).astype(float), rng.integers(1, 25, count).astype(float), rng.random(count) < 0.5


def rate_pairs(values, days, died):
    """1 where the larger value died first, 0.5 for equal ones, 0 else, of each pair whose order is known."""
    for i, j in itertools.permutations(range(len(days)), 2):
        if died[i] and (days[i] < days[j] or (days[i] == days[j] and not died[j])):
            yield 1 if values[i] > values[j] else 0.5 if values[i] == values[j] else 0


def test_the_c_index_is_the_share_of_pairs(rng):
    for _ in range(5):
        values, days, died = draw(rng)
        earlier = mark_earlier(days, died)
        pairs = list(rate_pairs(values, days, died))
        assert earlier.sum() == len(pairs)
        assert compute_concordance(values, earlier, np.ones(40)) == pytest.approx(np.mean(pairs))


def test_a_patient_drawn_twice_counts_twice(rng):
    values, days, died = draw(rng)
    chosen = rng.integers(0, 40, (3, 40))
    counts = np.stack([np.bincount(one, minlength=40) for one in chosen])
    found = compute_concordance(values, mark_earlier(days, died), counts)
    expected = [np.mean(list(rate_pairs(values[one], days[one], died[one]))) for one in chosen]
    assert found.tolist() == pytest.approx(expected)
    assert compute_concordance(values, mark_earlier(days, np.zeros(40, bool)), np.ones(40)) == 0.5


def test_of_two_groups_the_test_is_gehans(rng):
    """Without ties in time: at each death the expected and observed deaths of a group, weighted by those at risk."""
    group, days, died = rng.random(60) < 0.4, rng.permutation(60) + 1.0, rng.random(60) < 0.5
    score = variance = 0.0
    for day, of_group in zip(days[died], group[died], strict=True):
        at_risk = days >= day
        n, share = at_risk.sum(), group[at_risk].mean()
        score += n * (of_group - share)
        variance += n**2 * share * (1 - share)
    expected = 2 * stats.norm.sf(abs(score) / np.sqrt(variance))
    assert compute_p(group.astype(float), mark_earlier(days, died)) == pytest.approx(expected)


def test_p_values_are_those_of_permutations(rng):
    values = rng.normal(size=50)
    days, died = rng.exponential(np.exp(-0.4 * values)), rng.random(50) < 0.6
    earlier = mark_earlier(days, died)
    shuffled = [abs(compute_concordance(rng.permutation(values), earlier, np.ones(50)) - 0.5) for _ in range(2000)]
    expected = np.mean(np.array(shuffled) >= abs(compute_concordance(values, earlier, np.ones(50)) - 0.5))
    assert compute_p(values, earlier) == pytest.approx(expected, abs=0.03)
    assert np.isnan(compute_p(np.ones(50), earlier))
