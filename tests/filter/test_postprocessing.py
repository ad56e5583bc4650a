"""The filter on volumes small enough to know the answer."""

import numpy as np
import pytest
from conftest import run_script, save
from helpers.filters import WIDE, box, merge, postprocess
from scipy import ndimage

from kidney_tumor.errors import UserError
from kidney_tumor.files import write_json
from kidney_tumor.filter.postprocessing import derive_ratio_range, look_swapped
from kidney_tumor.volumes.components import compute_eigenvalues, compute_ratio, find_components
from kidney_tumor.volumes.masks import RunLengthMask


def test_two_largest_kidneys_are_kept(kidneys):
    left, right, stray = kidneys
    nothing = np.zeros_like(left)
    result = postprocess(left | right | stray, nothing, WIDE)
    np.testing.assert_array_equal(result.segmentation, (left | right).astype(np.uint8))
    assert (len(result.kept_kidneys), result.kept_kidneys.sum()) == (3, 2)
    assert postprocess(left | right | stray, nothing, WIDE, kidney_components=3).segmentation[stray].all()
    assert not postprocess(left | stray, nothing, WIDE, kidney_components=1).segmentation[stray].any()


def test_holes_of_both_masks_are_filled(kidneys):
    left, right, _ = kidneys
    kidney, tumor = left | right, box(left.shape, (4, 8), (22, 28), (7, 13))
    whole = merge(kidney, tumor)
    kidney, tumor = kidney.copy(), tumor.copy()
    kidney[6, 25, 30] = False
    tumor[6, 25, 10] = False
    np.testing.assert_array_equal(postprocess(kidney, tumor, WIDE).segmentation, whole)


def test_tumor_lies_over_kidney_and_stays_outside_too():
    kidney = box((4, 20, 40), (0, 4), (5, 15), (0, 20))
    tumor = box((4, 20, 40), (0, 4), (5, 15), (1, 21))  # 19 of its 20 columns inside: exactly 95 %
    segmentation = postprocess(kidney, tumor, WIDE).segmentation
    assert (segmentation[tumor] == 2).all()
    assert (segmentation[kidney & ~tumor] == 1).all()
    assert not segmentation[~kidney & ~tumor].any()


@pytest.mark.parametrize(("columns", "kept"), [(20, True), (21, False)])
def test_overlap_of_exactly_95_percent_is_enough(columns, kept):
    kidney = box((4, 20, 40), (0, 4), (5, 15), (0, 20))
    tumor = box((4, 20, 40), (0, 4), (5, 15), (20 - 19, 20 - 19 + columns))  # 19/20 = 0.95, 19/21 < 0.95
    assert (2 in postprocess(kidney, tumor, WIDE).segmentation) is kept


def test_overlap_counts_the_filtered_kidney(kidneys):
    left, right, stray = kidneys
    tumor = stray | box(left.shape, (4, 8), (22, 28), (7, 13))
    result = postprocess(left | right | stray, tumor, WIDE)
    assert not result.segmentation[stray].any()
    assert (len(result.tests), result.tests.kept.sum()) == (2, 1)


@pytest.mark.parametrize(("voxels", "kept"), [(9, False), (10, True)])
def test_ten_voxels_are_enough(voxels, kept):
    kidney = np.ones((3, 10, 10), bool)
    tumor = np.zeros_like(kidney)
    tumor[1, 3, 2:7] = tumor[1, 4, 2 : 2 + voxels - 5] = True
    assert (2 in postprocess(kidney, tumor, WIDE).segmentation) is kept


def test_ends_of_the_range_are_included():
    kidney = np.ones((6, 20, 20), bool)
    tumor = box(kidney.shape, (1, 5), (2, 10), (2, 18))
    ratio = compute_ratio(compute_eigenvalues(find_components(RunLengthMask.from_mask(tumor))))[0]
    for accepted in ((ratio, ratio), (1.0, ratio), (ratio, 10.0)):
        assert 2 in postprocess(kidney, tumor, accepted).segmentation
    for outside in ((np.nextafter(ratio, 10), 10.0), (1.0, np.nextafter(ratio, 0))):
        assert 2 not in postprocess(kidney, tumor, outside).segmentation


@pytest.mark.parametrize(("unit", "kept"), [("voxel", False), ("mm", True)])
def test_ratios_are_measured_in_the_unit_of_their_range(unit, kept):
    """4 x 16 x 8 voxels have a ratio of 255 / 63 = 4.05 in voxels; slices 4 mm apart give 16 x 16 x 8 mm.

    The variances by hand in mm: 16 * 15 / 12, 255 / 12 and 63 / 12, so that the ratio is 255 / 240 = 1.06.
    """
    kidney = np.ones((6, 20, 20), bool)
    tumor = box(kidney.shape, (1, 5), (2, 18), (2, 10))
    result = postprocess(kidney, tumor, (1.0, 1.1), spacing=(4.0, 1.0, 1.0), unit=unit)
    assert (2 in result.segmentation) is kept
    assert result.tests.ratio[0] == pytest.approx({"voxel": 255 / 63, "mm": 255 / 240}[unit])
    assert result.spacing == (4.0, 1.0, 1.0)


def by_scipy(kidney, tumor, ratios):
    """Section 2.2 on whole volumes, with scipy and numpy alone."""
    everywhere = np.ones((3, 3, 3))
    kidney, tumor = ndimage.binary_fill_holes(kidney), ndimage.binary_fill_holes(tumor)
    labels, count = ndimage.label(kidney, everywhere)
    sizes = [(labels == number).sum() for number in range(1, count + 1)]
    largest = sorted(range(count), key=lambda i: -sizes[i])[:2]
    kidney = np.isin(labels, [i + 1 for i in largest])
    result = kidney.astype(np.uint8)
    labels, count = ndimage.label(tumor, everywhere)
    for number in range(1, count + 1):
        component = labels == number
        if component.sum() < 10 or (component & kidney).sum() < 0.95 * component.sum():
            continue
        _, second, first = np.linalg.eigvalsh(np.cov(np.argwhere(component).T))
        if second > 1e-9 * first and ratios[0] <= first / second <= ratios[1]:
            result[component] = 2
    return result


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5, 6, 8, 9, 10])
def test_the_filter_is_scipys_on_noisy_masks(seed):
    """Two kidneys and a tumor with holes, tunnels and false positives of all sizes; also at the volume's border."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(14, 30, 3))
    masks = []
    for share, biggest in ((0.05, 9), (0.04, 6)):
        mask = rng.random(shape) < share
        for _ in range(6):
            corner, extent = [rng.integers(0, n - 3) for n in shape], rng.integers(2, biggest, 3)
            mask[tuple(slice(c, c + e) for c, e in zip(corner, extent, strict=True))] = True
        masks.append(mask & (rng.random(shape) > 0.03))
    kidney, tumor = masks[0] | (masks[1] & (rng.random(shape) > 0.01)), masks[1]
    sizes = np.sort(np.bincount(ndimage.label(ndimage.binary_fill_holes(kidney), np.ones((3, 3, 3)))[0].ravel())[1:])
    if len(sizes) > 2:
        assert sizes[-2] > sizes[-3], "a tie, which this reference and the filter break in different orders"
    for ratios in ((1.0, 2.8), (1.07, 1.6)):
        np.testing.assert_array_equal(postprocess(kidney, tumor, ratios).segmentation, by_scipy(kidney, tumor, ratios))


def test_diagonal_tumors_touching_by_a_corner_are_one():
    kidney = np.ones((10, 20, 20), bool)
    tumor = box(kidney.shape, (1, 3), (2, 6), (2, 6)) | box(kidney.shape, (3, 5), (6, 10), (6, 10))
    assert postprocess(kidney, tumor, WIDE).tests.size == 1


@pytest.mark.parametrize("kidney_full", [False, True])
@pytest.mark.parametrize("tumor_full", [False, True])
def test_empty_and_full_masks(kidney_full, tumor_full):
    shape = (3, 4, 5)
    result = postprocess(np.full(shape, kidney_full), np.full(shape, tumor_full), WIDE)
    assert (result.segmentation == (2 if kidney_full and tumor_full else int(kidney_full))).all()
    assert result.segmentation.dtype == np.uint8


def test_an_overlap_in_percent_is_refused():
    with pytest.raises(UserError, match="share from 0 to 1, not 95"):
        postprocess(np.zeros((1, 2, 3), bool), np.zeros((1, 2, 3), bool), WIDE, tumor_kidney_overlap=95)


def test_a_volume_is_written_as_nifti(tmp_path):
    save(tmp_path / "k.nii.gz", np.ones((2, 3, 4), np.uint8))
    write_json(tmp_path / "r.json", {"low": 1.0, "high": 2.8})
    arguments = ["--kidney", "k.nii.gz", "--tumor", "k.nii.gz", "--ratio-range", "r.json", "--output", "s.png"]
    result = run_script("postprocess", *arguments, cwd=tmp_path)
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    assert "s.png: a volume is written as .nii.gz" in result.stderr


def test_shapes_must_agree():
    with pytest.raises(UserError, match="shape"):
        postprocess(np.zeros((1, 2, 3), bool), np.zeros((1, 2, 4), bool), WIDE)


@pytest.mark.parametrize(("inside", "swapped"), [(49, False), (50, True), (100, True)])
def test_masks_look_swapped_from_half_on(inside, swapped):
    """The kidney mask has 100 voxels, the tumor mask 120."""
    kidney, tumor = (
        box((1, 1, 300), (0, 1), (0, 1), span) for span in ((100, 200), (100 - 120 + inside, 100 + inside))
    )
    assert look_swapped(*map(RunLengthMask.from_mask, (kidney, tumor))) == swapped


def test_ratio_range_is_numpys_percentile():
    ratios = np.array([1.0, 2.0, 3.0, 4.0, 5.0, np.inf])
    assert derive_ratio_range(ratios, (0, 100)) == (1, 5)
    assert derive_ratio_range(ratios, (25, 60)) == (pytest.approx(2), pytest.approx(3.4))  # ranks 1 and 2.4 of 0..4
    with pytest.raises(UserError, match="at least one"):
        derive_ratio_range(np.array([np.inf]), (5, 95))


def test_the_nearest_tumor_is_kept_if_none_passes(kidneys):
    """Three candidates fail: a line of 5 voxels of the 10 asked for; a share inside of 0.5 of 0.95; a rod."""
    left, right, _ = kidneys
    small = box(left.shape, (4, 5), (22, 23), (7, 12))
    half = box(left.shape, (4, 8), (22, 26), (34, 36))  # one of its two columns is inside: ratio about 1
    rod = box(left.shape, (4, 6), (28, 30), (26, 34))  # 2 x 2 x 8: a ratio of (8^2 - 1) / (2^2 - 1) = 21
    tumor = small | half | rod
    narrow = (1.0, 2.8)
    nothing = postprocess(left | right, tumor, narrow)
    assert not nothing.tests.kept.any()
    assert not (nothing.segmentation == 2).any()
    kept = postprocess(left | right, tumor, narrow, keep_best=True)
    np.testing.assert_array_equal(kept.segmentation == 2, half)
    *_, (_, _, last) = kept.apply_steps()
    np.testing.assert_array_equal(last.to_volume(), half)
    # Without the half, the small one, a line, is infinitely far, and the rod misses the ratio only.
    np.testing.assert_array_equal(postprocess(left | right, small | rod, narrow, keep_best=True).segmentation == 2, rod)
    # Of candidates that are all infinitely far, the largest.
    outside = box(left.shape, (9, 12), (2, 5), (20, 23)) | box(left.shape, (9, 11), (10, 12), (20, 22))
    far = postprocess(left | right, outside, narrow, keep_best=True).segmentation == 2
    assert far.sum() == 27
    # Where every ratio passes, a line is as good as a blob: here it is the nearest, by its size, to 5 of 10 voxels.
    lone = postprocess(left | right, small | outside, None, keep_best=True).segmentation == 2
    np.testing.assert_array_equal(lone, small)


def test_nothing_is_rescued_if_a_tumor_passes(kidneys):
    left, right, _ = kidneys
    good, half = box(left.shape, (4, 7), (22, 25), (7, 10)), box(left.shape, (4, 8), (22, 26), (34, 36))
    result = postprocess(left | right, good | half, WIDE, keep_best=True)
    np.testing.assert_array_equal(result.segmentation == 2, good)
    assert not result.tests.rescued.any()
    assert not postprocess(left | right, np.zeros_like(left), WIDE, keep_best=True).tests.kept.any()
