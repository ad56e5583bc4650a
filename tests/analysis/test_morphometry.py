"""Volumes and diameters of shapes whose volume and diameter are known."""

import math

import numpy as np
import pytest
from scipy.spatial import ConvexHull, Delaunay
from scipy.spatial.distance import pdist

from kidney_tumor.analysis.attachment import (
    classify_exophytic,
    count_inside_hull,
    measure_contact,
    measure_exophytic_share,
)
from kidney_tumor.analysis.morphometry import classify_radius, find_axial_diameter, measure_diameter, measure_masks
from kidney_tumor.volumes.masks import RunLengthMask

SPACING = (3.0, 0.8, 0.7)


def ball(radius, shape=(40, 110, 120), spacing=SPACING):
    """The voxels whose centers lie within `radius` mm of the middle."""
    axes = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return z**2 + y**2 + x**2 <= radius**2


def test_a_ball_of_known_volume_and_diameter():
    mask = ball(30)
    result = measure_masks(RunLengthMask.from_mask(mask), RunLengthMask.from_mask(mask), SPACING, 10)[0]
    assert result["tumor_ml"] == pytest.approx(4 / 3 * math.pi * 3.0**3, rel=0.01)  # radius in cm: mL
    assert result["kidney_ml"] == 0
    assert result["tumor_diameter_mm"] == pytest.approx(60, abs=max(SPACING))  # a voxel
    assert result["tumor_ratio"] > 1


def test_a_shell_of_kidney_around_a_tumor():
    result = measure_masks(RunLengthMask.from_mask(ball(30)), RunLengthMask.from_mask(ball(20)), SPACING, 10)[0]
    assert result["kidney_ml"] == pytest.approx(4 / 3 * math.pi * (3.0**3 - 2.0**3), rel=0.01)


def test_a_box_by_hand():
    mask = np.zeros((6, 10, 12), bool)
    mask[1:3, 2:7, 3:11] = True  # 2 x 5 x 8 voxels of 3 x 0.8 x 0.7 mm
    result = measure_masks(RunLengthMask.from_mask(mask), RunLengthMask.from_mask(mask), SPACING, 10)[0]
    assert result["tumor_ml"] == pytest.approx(2 * 5 * 8 * 3 * 0.8 * 0.7 / 1000)
    # From the center of a corner's voxel to that of the opposite corner's; in a slice, of the same slice's.
    assert result["tumor_diameter_mm"] == pytest.approx(np.linalg.norm([1 * 3.0, 4 * 0.8, 7 * 0.7]))
    assert result["tumor_axial_mm"] == pytest.approx(np.linalg.norm([4 * 0.8, 7 * 0.7]))
    assert result["tumor_sphere_mm"] == pytest.approx((6 * 2 * 5 * 8 * 3 * 0.8 * 0.7 / math.pi) ** (1 / 3))
    assert result["tumors"] == 1
    assert result["renal_r"] == 1


@pytest.mark.parametrize("density", [0.01, 0.05, 0.3, 0.9])
def test_diameters_are_those_of_all_pairs(rng, density):
    mask = rng.random((7, 9, 8)) < density
    runs, voxels = RunLengthMask.from_mask(mask), np.argwhere(mask)
    assert measure_diameter(runs, SPACING) == pytest.approx(pdist(voxels * SPACING).max())
    axial = {
        number: max(pdist(voxels[voxels[:, 0] == number, 1:] * SPACING[1:]), default=0.0)
        for number in np.unique(voxels[:, 0])
    }
    found = find_axial_diameter(runs, SPACING)
    assert found.length == pytest.approx(max(axial.values()))
    assert axial[found.slice] == pytest.approx(found.length)
    assert mask[found.slice][tuple(found.ends.T)].all()
    assert np.linalg.norm((found.ends[0] - found.ends[1]) * SPACING[1:]) == pytest.approx(found.length)


@pytest.mark.parametrize("shape", [(1, 1, 9), (1, 9, 1), (9, 1, 1), (1, 5, 7), (5, 7, 1), (1, 1, 1)])
def test_diameters_of_lines_planes_and_points(shape):
    mask = np.ones(shape, bool)
    runs = RunLengthMask.from_mask(np.pad(mask, 1))
    edges = (np.array(shape) - 1) * SPACING
    assert measure_diameter(runs, SPACING) == pytest.approx(np.linalg.norm(edges))
    assert find_axial_diameter(runs, SPACING).length == pytest.approx(np.linalg.norm(edges[1:]))


def test_only_the_largest_tumor_is_measured_across():
    mask = np.zeros((4, 30, 30), bool)
    mask[1:3, 2:6, 2:6] = True
    alone = measure_masks(RunLengthMask.from_mask(mask), RunLengthMask.from_mask(mask), SPACING, 10)[0]
    mask[0:3, 20:22, 24:26] = True  # 12 voxels
    mask[3, 29, 29] = True  # too small to count
    both = measure_masks(RunLengthMask.from_mask(mask), RunLengthMask.from_mask(mask), SPACING, 10)[0]
    assert both["tumor_diameter_mm"] == alone["tumor_diameter_mm"]
    assert both["tumor_ratio"] == alone["tumor_ratio"]
    assert both["tumor_axial_mm"] == alone["tumor_axial_mm"]
    assert both["tumor_ml"] > alone["tumor_ml"]
    assert (alone["tumors"], both["tumors"]) == (1, 2)


def test_no_tumor():
    kidney, nothing = np.ones((2, 3, 4), bool), np.zeros((2, 3, 4), bool)
    result = measure_masks(RunLengthMask.from_mask(kidney), RunLengthMask.from_mask(nothing), (1, 1, 1), 10)[0]
    assert result["kidney_ml"] == pytest.approx(0.024)
    assert result["tumor_ml"] == 0
    assert result["tumors"] == 0
    assert all(math.isnan(value) for name, value in result.items() if name not in ("kidney_ml", "tumor_ml", "tumors"))


def test_a_tumor_half_out_of_a_block():
    """A ball whose middle lies on the flat face of a block: half of it is exophytic, and half of it touches."""
    z, y, x = np.meshgrid(
        *((np.arange(n) - (n - 1) / 2) * mm for n, mm in zip((41, 120, 121), SPACING, strict=True)), indexing="ij"
    )
    ball = z**2 + y**2 + x**2 <= 20**2
    block = (np.abs(z) < 50) & (np.abs(x) < 40) & (y < 0)
    kidney, tumor = RunLengthMask.from_mask(block | ball), RunLengthMask.from_mask(ball)
    share = measure_exophytic_share(kidney, tumor, tumor, SPACING)
    assert share == pytest.approx(0.5, abs=0.02)
    half = 2 * math.pi * 20**2
    contact = measure_contact(kidney, tumor, tumor, SPACING)
    assert contact == pytest.approx(half, rel=0.03)
    assert classify_exophytic(0.5) == 1


@pytest.mark.parametrize("face", [0, 1, 2])
def test_contact_of_two_boxes_is_their_common_face(face):
    """Two boxes of 30 x 40 x 50 mm side by side: along each axis, with voxels of another size along each."""
    edges = (30, 40, 50)
    voxels = [round(edge / mm) for edge, mm in zip(edges, (2.0, 0.8, 0.5), strict=True)]
    shape = [2 * n if axis == face else n for axis, n in enumerate(voxels)]
    mask = np.pad(np.ones(shape, bool), 3)
    tumor = np.zeros_like(mask)
    half = [slice(3, 3 + n) for n in voxels]
    tumor[tuple(half)] = True
    contact = measure_contact(
        RunLengthMask.from_mask(mask), RunLengthMask.from_mask(tumor), RunLengthMask.from_mask(tumor), (2.0, 0.8, 0.5)
    )
    area = math.prod(edge for axis, edge in enumerate(edges) if axis != face)
    assert 0.78 * area < contact < area  # flat along an axis is the worst case for 13 directions


def test_apart_means_no_contact_and_no_kidney():
    mask = np.zeros((12, 20, 20), bool)
    mask[2:10, 2:8, 2:8] = True
    tumor = np.zeros_like(mask)
    tumor[2:10, 12:18, 12:18] = True
    kidney, own = RunLengthMask.from_mask(mask | tumor), RunLengthMask.from_mask(tumor)
    assert measure_contact(kidney, own, own, SPACING) == 0
    assert math.isnan(measure_exophytic_share(kidney, own, own, SPACING))
    assert math.isnan(measure_exophytic_share(RunLengthMask.from_mask(mask), own, own, SPACING))


def test_a_crumb_of_kidney_has_no_contour():
    tumor = ball(20)
    kidney = RunLengthMask.from_mask(np.logical_or(tumor, np.roll(tumor, 1, 2)))
    healthy = kidney.voxels - tumor.sum()
    assert 0 < healthy * math.prod(SPACING) < 1000
    own = RunLengthMask.from_mask(tumor)
    assert math.isnan(measure_exophytic_share(kidney, own, own, SPACING))


def test_a_tumor_within_the_kidney_is_endophytic():
    kidney, tumor = (RunLengthMask.from_mask(ball(radius)) for radius in (30, 12))
    assert measure_exophytic_share(kidney, tumor, tumor, SPACING) == 0
    assert measure_masks(kidney, tumor, SPACING, 10)[0]["renal_e"] == 3


@pytest.mark.parametrize("count", [8, 60])
def test_voxels_inside_a_hull_are_those_of_a_triangulation(rng, count):
    points = rng.uniform(0, 1, (count, 3)) * (30, 12, 12)
    runs = RunLengthMask.from_mask(rng.random((13, 17, 19)) < 0.5)
    centers = np.argwhere(runs.to_volume()) * SPACING
    expected = (Delaunay(points).find_simplex(centers) >= 0).sum()
    assert expected > 0
    assert count_inside_hull(runs, ConvexHull(points).equations, SPACING) == expected


def test_the_classes_of_the_renal_score():
    """Kutikov and Uzzo 2009: at most 4 cm, between, at least 7 cm; at least 50 % exophytic, less, none."""
    assert [classify_radius(mm) for mm in (10, 40, 40.1, 69.9, 70, 150)] == [1, 1, 2, 2, 3, 3]
    assert [classify_exophytic(share) for share in (1, 0.5, 0.49, 0.01, 0.009, 0)] == [1, 1, 2, 2, 3, 3]
    assert math.isnan(classify_radius(math.nan))
    assert math.isnan(classify_exophytic(math.nan))


def test_a_part_of_a_mask(rng):
    mask = rng.random((8, 9, 10)) < 0.4
    runs = RunLengthMask.from_mask(mask)
    for box in ((slice(0, 8), slice(0, 9), slice(0, 10)), (slice(2, 6), slice(3, 9), slice(0, 4)), (slice(3, 3),) * 3):
        np.testing.assert_array_equal(runs.crop(box), mask[box])
    mask[:, :2] = mask[6:] = mask[..., 9] = False
    box = RunLengthMask.from_mask(mask).find_box()
    assert box == tuple(slice(axis.min(), axis.max() + 1) for axis in np.nonzero(mask))
