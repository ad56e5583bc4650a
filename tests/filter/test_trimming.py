"""The nearest tumor that a range of ratios accepts, on shapes whose ratio is known."""

import numpy as np
import pytest

from kidney_tumor.filter.constraints import RatioRange
from kidney_tumor.filter.trimming import trim_tumors
from kidney_tumor.volumes.components import compute_eigenvalues, compute_ratio, find_components
from kidney_tumor.volumes.masks import RunLengthMask

ISOTROPIC = (1.0, 1.0, 1.0)


def draw_ellipsoid(*semiaxes):
    places = np.moveaxis(np.indices((70, 40, 40)), 0, -1) - (34.5, 19.5, 19.5)
    return ((places / semiaxes) ** 2).sum(-1) <= 1


def trim(mask, low, high, spacing=ISOTROPIC, unit="voxel"):
    components = find_components(RunLengthMask.from_mask(mask))
    return trim_tumors(components, spacing, RatioRange(low, high, unit)).to_volume()


def measure_ratios(mask, spacing=ISOTROPIC):
    return compute_ratio(compute_eigenvalues(find_components(RunLengthMask.from_mask(mask)), spacing)).tolist()


def test_a_long_tumor_loses_its_ends_and_no_more_than_it_must():
    """Semiaxes 30, 15 and 12: a ratio of 4. Cut at both ends until the ratio is 2.8, it stays one piece."""
    mask = draw_ellipsoid(30, 15, 12)
    left = trim(mask, 1.07, 2.8)
    [ratio] = measure_ratios(left)
    assert 2.7 < ratio <= 2.8
    assert not (left & ~mask).any()
    kept = np.flatnonzero(left.any((1, 2)))
    np.testing.assert_array_equal(left[kept[1] : kept[-1]], mask[kept[1] : kept[-1]])  # only the ends are gone
    assert 0.02 < 1 - left.sum() / mask.sum() < 0.2


def test_a_round_tumor_loses_what_makes_it_round():
    """Semiaxes 15, 15 and 12: a ratio of 1, brought to 1.07 or more by less than a tenth of the voxels."""
    mask = draw_ellipsoid(15, 15, 12)
    left = trim(mask, 1.07, 2.8)
    [ratio] = measure_ratios(left)
    assert ratio == pytest.approx(1.07, abs=0.03)
    assert ratio >= 1.07
    assert 0 < 1 - left.sum() / mask.sum() < 0.1


def test_what_passes_stays_and_the_unit_counts():
    """Semiaxes 10, 15 and 12 in slices of 3 mm are 30, 15 and 12 mm: a ratio of 1.56 in voxels and of 4 in mm."""
    mask = draw_ellipsoid(10, 15, 12)
    np.testing.assert_array_equal(trim(mask, 1.07, 2.8, spacing=(3.0, 1.0, 1.0)), mask)
    left = trim(mask, 1.07, 2.8, spacing=(3.0, 1.0, 1.0), unit="mm")
    [ratio] = measure_ratios(left, (3.0, 1.0, 1.0))
    assert ratio <= 2.8
    assert left.sum() < mask.sum()


def test_only_the_tumor_that_fails_is_trimmed_and_a_line_stays():
    """No share of a line of voxels has a second axis."""
    mask = np.zeros((70, 40, 80), bool)
    mask[:, :, :40] = draw_ellipsoid(30, 15, 12)
    mask[:, :, 40:] = draw_ellipsoid(15, 10, 7)
    mask[:, 39, 79] = True
    left = trim(mask, 1.07, 2.8)
    np.testing.assert_array_equal(left[:, :, 40:], mask[:, :, 40:])
    assert left.sum() < mask.sum()
