"""How often intervals hold the mean of a population that is known, since it is drawn."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from kidney_tumor.analysis.statistics import SHARE, bound_mean, bound_share, estimate_interval


def draw_kidneys(rng, size):
    """Dice of kidneys near 0.94, one in 25 of which fails."""
    return np.where(
        rng.random(size) < 0.04, rng.uniform(0, 0.6, size), np.clip(0.97 - 0.03 * rng.exponential(size=size), 0, 1)
    )


def draw_tumors(rng, size):
    """Dice of tumors, one in five of which is not found."""
    return np.where(rng.random(size) < 0.2, 0, rng.beta(4, 1.6, size))


def draw_changes(rng, size):
    """Changes of Dice near 0, but for one in twelve that is lost in part or whole."""
    return np.where(rng.random(size) < 1 / 12, rng.uniform(-0.9, 0, size), rng.normal(0.01, 0.02, size))


def count_held(draw, bound, samples=300, count=20):
    """Return the share of samples whose interval holds the mean of their population."""
    rng = np.random.default_rng(5)
    mean = draw(rng, 1_000_000).mean()
    ends = [bound(draw(rng, count)) for _ in range(samples)]
    return np.mean([low <= mean <= high for low, high in ends])


@pytest.mark.parametrize("draw", [draw_kidneys, draw_tumors])
def test_the_interval_of_a_mean_dice_holds(draw):
    assert count_held(draw, lambda values: bound_mean(values, SHARE, seed=1)) > 0.94


@pytest.mark.parametrize(("draw", "expected"), [(draw_kidneys, 0.6), (draw_tumors, 0.93), (draw_changes, 0.7)])
def test_percentiles_of_a_bootstrap_hold_less_often_as_the_docs_say(draw, expected):
    held = count_held(draw, lambda values: estimate_interval(values, np.mean, seed=1))
    assert held == pytest.approx(expected, abs=0.08)


@pytest.mark.parametrize("found", [0, 3, 15, 20])
def test_of_zeros_and_ones_it_is_the_exact_binomial_interval(found):
    """Clopper and Pearson's, to the error of random weights."""
    values = (np.arange(20) < found).astype(float)
    exact = stats.binomtest(found, 20).proportion_ci()
    assert bound_mean(values, SHARE, seed=1) == pytest.approx((exact.low, exact.high), abs=0.01)


def test_limits_move_and_stretch_the_interval():
    values = np.random.default_rng(2).random(12)
    low, high = bound_mean(values, SHARE, seed=1)
    assert bound_mean(10 * values - 5, (-5, 5), seed=1) == pytest.approx((10 * low - 5, 10 * high - 5))
    narrow = bound_mean(values, SHARE, seed=1, confidence=0.5)
    assert low < narrow[0] < values.mean() < narrow[1] < high


@pytest.mark.parametrize("hits", [0, 1, 7, 11, 12])
def test_a_share_of_patients_with_one_tumor_each_has_clopper_and_pearsons_interval(hits):
    expected = stats.binomtest(hits, 12).proportion_ci(0.95, "exact")
    assert bound_share(np.arange(12) < hits, np.ones(12, int)) == pytest.approx((expected.low, expected.high))


def test_tumors_of_one_patient_that_are_found_together_count_as_one():
    """Ten patients with four tumors each, all found or none: the interval is nearly that of ten, and not of forty."""
    found = 4 * (np.arange(10) < 7)
    low, high = bound_share(found, np.full(10, 4))
    ten, forty = (stats.binomtest(7 * times, 10 * times).proportion_ci(0.95, "exact") for times in (1, 4))
    assert (low, high) == pytest.approx((ten.low, ten.high), abs=0.03)
    assert high - low > 1.5 * (forty.high - forty.low)


def test_a_further_miss_never_raises_an_end():
    known = np.array([2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1])
    ends = [bound_share(known - (np.arange(12) < missed), known) for missed in range(13)]
    assert all(after[0] <= before[0] and after[1] <= before[1] for before, after in pairwise(ends))
    assert np.isnan(bound_share(known[:0], known[:0])).all()
    assert bound_share(np.array([1]), np.array([2]))[0] > 0


@pytest.mark.parametrize("mean", [0.6, 0.9])
def test_the_interval_of_a_share_holds(mean):
    """In 20 patients with one to three tumors, of which those of one patient are found alike."""
    rng, held = np.random.default_rng(3), 0
    for _ in range(500):
        known = rng.integers(1, 4, 20)
        low, high = bound_share(rng.binomial(known, rng.beta(4 * mean, 4 * (1 - mean), 20)), known)
        held += low <= mean <= high
    assert held / 500 > 0.94
