"""Components, holes and eigenvalues against brute force, scipy and numpy."""

import itertools

import numpy as np
import pytest
from conftest import save
from scipy import ndimage

from kidney_tumor.filter.tumors import measure_tumors
from kidney_tumor.volumes import components as package
from kidney_tumor.volumes.components import (
    compute_eigenvalues,
    compute_ratio,
    compute_thin_eigenvalues,
    mark_largest,
)
from kidney_tumor.volumes.masks import RunLengthMask

SHAPES = [(1, 1, 1), (1, 9, 8), (7, 1, 6), (6, 7, 5), (9, 10, 11)]


def flood(mask):
    """26-connected components by flood fill: a list of sets of voxels, in the order of the volume."""
    left, found = {tuple(map(int, voxel)) for voxel in np.argwhere(mask)}, []
    for seed in map(tuple, np.argwhere(mask).tolist()):
        if seed not in left:
            continue
        component, front = {seed}, [seed]
        left.discard(seed)
        while front:
            here = front.pop()
            for step in itertools.product((-1, 0, 1), repeat=3):
                there = tuple(a + b for a, b in zip(here, step, strict=True))
                if there in left:
                    left.discard(there)
                    component.add(there)
                    front.append(there)
        found.append(component)
    return found


def connected_components(mask):
    return package.find_components(RunLengthMask.from_mask(mask))


def fill_holes(mask):
    return package.fill_holes(RunLengthMask.from_mask(mask)).to_volume()


def whole(components):
    """The numbers of the components in a volume of the mask's shape."""
    labels = np.zeros(components.runs.shape, np.uint16, order="F")
    for number in range(len(components)):
        components.select(np.arange(len(components)) == number).paint(labels, number + 1)
    return labels


def as_sets(components):
    return [set(map(tuple, np.argwhere(whole(components) == i + 1).tolist())) for i in range(len(components))]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("density", [0, 0.05, 0.15, 0.4, 1])
def test_components_are_those_of_flood_fill(rng, shape, density):
    mask = rng.random(shape) < density
    components, expected = connected_components(mask), flood(mask)
    assert sorted(map(sorted, as_sets(components))) == sorted(map(sorted, expected))
    firsts = [min(voxel[::-1] for voxel in component) for component in as_sets(components)]
    assert firsts == sorted(firsts)  # slices fastest
    assert components.voxels.tolist() == [len(voxels) for voxels in as_sets(components)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("density", [0, 0.1, 0.5, 0.9, 1])
def test_runs_are_the_mask(rng, shape, density):
    mask = rng.random(shape) < density
    for layout in "CF":
        runs = RunLengthMask.from_mask(np.asarray(mask, order=layout))
        np.testing.assert_array_equal(runs.to_volume(), mask)
        assert runs.length.sum() == mask.sum()
        assert len(runs) == (np.diff(mask, axis=0, prepend=False) & mask).sum()
    blocks = [(slice(c, c + 1), mask[..., c : c + 1]) for c in range(shape[2])]
    np.testing.assert_array_equal(RunLengthMask.from_blocks(shape, blocks).start, RunLengthMask.from_mask(mask).start)


def test_a_crop_is_that_of_the_volume(rng):
    mask = rng.random((6, 7, 5)) < 0.5
    for _ in range(50):
        ends = np.sort([rng.choice(size + 1, 2, replace=False) for size in mask.shape], axis=1)
        box = tuple(slice(low, high) for low, high in ends.tolist())
        np.testing.assert_array_equal(RunLengthMask.from_mask(mask).crop(box), mask[box])


def test_runs_are_not_painted_where_they_would_be_lost():
    with pytest.raises(ValueError, match="order F"):
        RunLengthMask.from_mask(np.ones((2, 3, 4), bool)).paint(np.zeros((2, 3, 4)), 1)


def test_corner_neighbours_are_connected():
    mask = np.zeros((3, 3, 3), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = True
    assert len(connected_components(mask)) == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("density", [0, 0.3, 0.6, 0.85, 1])
def test_holes_are_scipys(rng, shape, density):
    mask = rng.random(shape) < density
    before = mask.copy()
    np.testing.assert_array_equal(fill_holes(mask), ndimage.binary_fill_holes(mask))
    np.testing.assert_array_equal(mask, before)


def test_a_cavity_is_filled_a_tunnel_is_not():
    mask = np.ones((5, 5, 5), bool)
    mask[2, 2, 2] = False
    assert fill_holes(mask).all()
    mask[:, 2, 2] = False
    np.testing.assert_array_equal(fill_holes(mask), mask)


@pytest.mark.parametrize("density", [0.1, 0.2, 0.5])
def test_eigenvalues_are_numpys(rng, density):
    components = connected_components(rng.random((8, 9, 10)) < density)
    values = compute_eigenvalues(components)
    for number, voxels in enumerate(components.voxels, 1):
        if voxels > 1:
            covariance = np.cov(np.argwhere(whole(components) == number).T)
            expected = np.linalg.eigvalsh(covariance)[::-1]
            np.testing.assert_allclose(values[number - 1], expected, atol=1e-10)
        else:
            assert values[number - 1].tolist() == [0, 0, 0]


def test_ratio_of_a_box_by_hand():
    """A run of n equally spaced indices has variance (n^2 - 1) / 12; of a full box the covariance is diagonal."""
    mask = np.zeros((20, 20, 20), bool)
    mask[3:7, 2:10, 1:17] = True  # 4 x 8 x 16 voxels
    values = compute_eigenvalues(connected_components(mask))
    n = mask.sum()
    expected = np.array([(16**2 - 1), (8**2 - 1), (4**2 - 1)]) / 12 * n / (n - 1)
    np.testing.assert_allclose(values[0], expected)
    assert compute_ratio(values)[0] == pytest.approx(255 / 63)


def test_eigenvalues_in_millimeters_are_numpys(rng):
    mask, spacing = rng.random((6, 7, 8)) < 0.8, (3.0, 0.75, 0.5)
    components = connected_components(mask)
    assert len(components) == 1
    expected = np.linalg.eigvalsh(np.cov((np.argwhere(mask) * spacing).T))[::-1]
    np.testing.assert_allclose(compute_eigenvalues(components, spacing)[0], expected)


@pytest.mark.parametrize("times", [1, 2, 6])
def test_thin_slices_are_those_of_repeated_ones(rng, times):
    """Slices repeated by numpy, whose covariance numpy divides by their number of voxels."""
    mask = rng.random((6, 7, 8)) < 0.8
    expected = np.linalg.eigvalsh(np.cov(np.argwhere(np.repeat(mask, times, axis=0)).T, bias=True))[::-1]
    np.testing.assert_allclose(compute_thin_eigenvalues(connected_components(mask), times)[0], expected)


def test_far_from_the_origin_nothing_is_lost():
    mask = np.zeros((3, 3, 4000), bool)
    near = mask.copy()
    near[:, :2, :12] = True
    far = mask.copy()
    far[:, :2, -12:] = True
    np.testing.assert_allclose(
        compute_eigenvalues(connected_components(near)), compute_eigenvalues(connected_components(far)), rtol=1e-9
    )


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 1, 1)])
def test_a_line_has_an_infinite_ratio(direction):
    mask = np.zeros((12, 12, 12), bool)
    for step in range(12):
        mask[tuple(step * d for d in direction)] = True
    assert compute_ratio(compute_eigenvalues(connected_components(mask)))[0] == np.inf


def test_a_flat_component_has_a_finite_ratio():
    mask = np.zeros((1, 12, 12), bool)
    mask[0, 2:8, 2:8] = True
    assert compute_ratio(compute_eigenvalues(connected_components(mask)))[0] == pytest.approx(1)


def test_largest_and_its_ties():
    mask = np.zeros((1, 1, 20), bool)
    for start, length in ((0, 2), (4, 3), (9, 3), (14, 3)):
        mask[..., start : start + length] = True
    components = connected_components(mask)
    assert mark_largest(components, 2).tolist() == [False, True, True, False]
    assert mark_largest(components, 9).all()
    assert components.select(mark_largest(components, 1)).to_volume().sum() == 3


def test_select_and_inside_are_brute_force(rng):
    mask, other = rng.random((6, 7, 8)) < 0.2, rng.random((6, 7, 8)) < 0.5
    mask[0] = mask[:, :2] = False
    components = connected_components(mask)
    keep = rng.random(len(components)) < 0.5
    np.testing.assert_array_equal(
        components.select(keep).to_volume(), np.isin(whole(components), np.flatnonzero(keep) + 1)
    )
    counts = [(whole(components)[other] == number + 1).sum() for number in range(len(components))]
    assert components.count_inside(RunLengthMask.from_mask(other)).tolist() == counts


def test_no_foreground():
    components = connected_components(np.zeros((3, 4, 5), bool))
    assert len(components) == 0
    assert compute_eigenvalues(components).shape == (0, 3)
    assert compute_ratio(compute_eigenvalues(components)).shape == (0,)
    assert len(components.select(mark_largest(components, 2))) == 0


def test_measured_label(tmp_path):
    label = np.zeros((10, 10, 30), np.uint8)
    label[2:4, 2:6, 2:10] = 2  # 2 x 4 x 8
    label[2:4, 2:6, 10] = 1  # touches, but is kidney
    label[8, 8, 20:29] = 2  # 9 voxels
    table = measure_tumors(save(tmp_path / "segmentation.nii.gz", label), min_voxels=10)
    assert table["voxels"].tolist() == [64]
    assert table["ratio_voxel"].tolist() == [pytest.approx((8**2 - 1) / (4**2 - 1))]
    assert len(measure_tumors(tmp_path / "segmentation.nii.gz", min_voxels=9)) == 2


def test_an_ellipsoid_in_both_units_by_hand(tmp_path):
    """The variance along a semiaxis a of a full ellipsoid is a^2 / 5.

    Semiaxes of 30, 24 and 15 mm in voxels of 3 x 0.75 x 0.75 mm are 10, 32 and 20 voxels: ratios of (30 / 24)^2 in mm,
    and (32 / 20)^2 in voxels. In slices of 0.5 mm, the first semiaxis has 60 thin slices: (60 / 32)^2.
    """
    places = np.moveaxis(np.indices((24, 70, 46)), 0, -1) - (11.5, 34.5, 22.5)
    inside = ((places * (3, 0.75, 0.75) / (30, 24, 15)) ** 2).sum(-1) <= 1
    path = save(tmp_path / "label.nii.gz", np.where(inside, 2, 0).astype(np.uint8))
    [tumor] = measure_tumors(path, min_voxels=10).to_dict("records")
    assert tumor["slice_mm"] == 3
    assert tumor["ratio_mm"] == pytest.approx((30 / 24) ** 2, rel=0.01)
    assert tumor["ratio_voxel"] == pytest.approx((32 / 20) ** 2, rel=0.01)
    assert tumor["ratio_thin"] == pytest.approx((60 / 32) ** 2, rel=0.01)


@pytest.mark.parametrize("density", [0, 0.1, 0.5, 1])
def test_what_two_masks_share_is_counted(rng, density):
    """By voxel; the intersection has a run for each pair of runs, and so may split one."""
    one, two = rng.random((7, 6, 8)) < 0.4, rng.random((7, 6, 8)) < density
    masks = [RunLengthMask.from_mask(mask) for mask in (one, two)]
    i, j, shared = masks[0].find_overlaps(masks[1])
    np.testing.assert_array_equal(shared.to_volume(), one & two)
    assert (masks[0].start[i] <= shared.start).all()
    assert (shared.stop <= masks[1].stop[j]).all()
    for first, second in ((one, two), (one, ~one), (one, one & False), (one & False, one & False)):
        united = package.unite(RunLengthMask.from_mask(first), RunLengthMask.from_mask(second))
        expected = RunLengthMask.from_mask(first | second)
        assert (united.start.tolist(), united.stop.tolist()) == (expected.start.tolist(), expected.stop.tolist())
    assert masks[0].count_by_slice().tolist() == one.sum((1, 2)).tolist()
    assert shared.count_by_slice().tolist() == (one & two).sum((1, 2)).tolist()
    components = [package.find_components(mask) for mask in masks]
    volumes = [whole(part) for part in components]
    expected = [
        [((volumes[0] == first + 1) & (volumes[1] == second + 1)).sum() for second in range(len(components[1]))]
        for first in range(len(components[0]))
    ]
    table = components[0].count_shared(components[1])
    np.testing.assert_array_equal(table, np.reshape(expected, table.shape))
