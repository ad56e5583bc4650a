"""Properties that hold for every volume: any shape from one voxel, any type, any spacing, any content."""

import gzip
import itertools

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE
from helpers.filters import postprocess
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import ndimage

from kidney_tumor.analysis.scoring import compute_dice
from kidney_tumor.data.restoration import NEAREST, restore
from kidney_tumor.data.slices import extract, resize
from kidney_tumor.data.stages import merge
from kidney_tumor.errors import UserError
from kidney_tumor.volumes.components import (
    compute_eigenvalues,
    compute_ratio,
    fill_holes,
    find_components,
    mark_largest,
)
from kidney_tumor.volumes.labels import read_label
from kidney_tumor.volumes.masks import RunLengthMask, read_label_masks, read_mask
from kidney_tumor.volumes.nifti import read_geometry, write_volume

pytestmark = pytest.mark.slow

FULL = np.ones((3, 3, 3))  # 26 neighbors
SHAPES = npst.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7)
MASKS = st.one_of(
    npst.arrays(bool, SHAPES),
    SHAPES.map(lambda shape: np.zeros(shape, bool)),
    SHAPES.map(lambda shape: np.ones(shape, bool)),
)
SPACINGS = st.tuples(st.floats(0.11, 59), st.floats(0.11, 40), st.floats(1, 1.4)).map(
    lambda sides: (sides[0], sides[1], sides[1] * sides[2])
)
FILES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MEMORY = settings(max_examples=60, deadline=None)


def space(spacing):
    """The affine of a volume that is stored as KiTS19's, with this distance between slices, rows and columns."""
    slices, rows, columns = spacing
    return np.array([[0, 0, -columns, 10], [0, -rows, 0, 20], [-slices, 0, 0, 30], [0, 0, 0, 1]])


@st.composite
def pairs(draw):
    """Two masks of one shape."""
    shape = draw(SHAPES)
    return draw(npst.arrays(bool, shape)), draw(npst.arrays(bool, shape))


@FILES
@given(
    volume=st.sampled_from([np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64, np.int8]).flatmap(
        lambda kind: npst.arrays(kind, SHAPES, elements=st.integers(0, 2))
    ),
    spacing=SPACINGS,
    big=st.booleans(),
)
def test_any_label_is_read_as_nibabel_reads_it(tmp_path, volume, spacing, big):
    path = tmp_path / "segmentation.nii.gz"
    image = nib.Nifti1Image(volume, space(spacing))
    if big:
        image = nib.Nifti1Image(volume, image.affine, nib.Nifti1Header(endianness=">"))
        image.set_data_dtype(volume.dtype)
    nib.save(image, path)
    assert read_label(path).tolist() == volume.tolist()
    assert read_geometry(path).shape == volume.shape
    assert read_geometry(path).spacing == pytest.approx(spacing, rel=1e-5)
    assert (read_mask(path).to_volume() == (volume > 0)).all()
    for runs, mask in zip(read_label_masks(path), (volume > 0, volume == 2), strict=True):
        assert (runs.to_volume() == mask).all()


@FILES
@given(content=st.one_of(st.binary(max_size=400), st.binary(max_size=600).map(gzip.compress)))
def test_any_bytes_are_a_volume_or_one_line(tmp_path, content):
    path = tmp_path / "case_00000" / "segmentation.nii.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(UserError, match="case_00000") as error:
        read_label(path)
    assert "\n" not in str(error.value)


@FILES
@given(changes=st.lists(st.tuples(st.integers(0, 351), st.integers(0, 255)), min_size=1, max_size=3))
def test_any_header_is_a_volume_or_one_line(tmp_path, changes):
    """A valid file, except for some bytes of its header."""
    content = bytearray(nib.Nifti1Image(np.ones((3, 4, 5), np.uint8), np.eye(4)).to_bytes())
    for where, value in changes:
        content[where] = value
    path = tmp_path / "case_00000" / "segmentation.nii.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(bytes(content)))
    for read in (read_label, read_mask, read_geometry):
        said = "case_00000"
        try:
            assert min(read(path).shape) > 0
        except UserError as error:
            said = str(error)
        assert "case_00000" in said
        assert "\n" not in said


@pytest.mark.parametrize("shape", [(3, -5, 6), (-3, -5, 6), (3, 32767, 32767), (32767, 32767, 32767)])
def test_a_shape_that_no_file_can_hold(tmp_path, shape):
    content = bytearray(nib.Nifti1Image(np.ones((3, 4, 5), np.uint8), AFFINE).to_bytes())
    content[42:48] = np.array(shape, "<i2").tobytes()
    path = tmp_path / "case_00000" / "segmentation.nii.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(bytes(content)))
    for read in (read_label, read_mask):
        with pytest.raises(UserError, match=r"expected one volume|cannot hold the shape"):
            read(path)


@FILES
@given(shape=SHAPES, size=st.sampled_from([2, 4, 6, 16]), seed=st.integers(0, 99))
def test_extraction_is_the_resize_of_the_whole_volume(tmp_path, shape, size, seed):
    rng = np.random.default_rng(seed)
    image, label = rng.integers(-2000, 2000, shape).astype(np.int16), rng.integers(0, 3, shape).astype(np.uint8)
    for name, volume in (("imaging", image), ("segmentation", label)):
        nib.save(nib.Nifti1Image(volume, AFFINE), tmp_path / f"{name}.nii.gz")
    store = extract(tmp_path / "imaging.nii.gz", tmp_path / "segmentation.nii.gz", size, tmp_path / "slices")
    assert (store.images == resize(image, size, size)).all()
    assert (store.labels == resize(label, size, size)).all()
    assert store.images.shape == (shape[0], size, size)


@MEMORY
@given(shape=SHAPES, size=st.sampled_from([2, 4, 8, 32]), tumor=st.booleans())
def test_each_pixel_comes_from_where_its_center_falls(shape, size, tumor):
    volume = np.arange(np.prod(shape)).reshape(shape)
    small = resize(volume, size, size)
    for row, column in itertools.product(range(size), repeat=2):
        source = [int((2 * i + 1) * length // (2 * size)) for i, length in ((row, shape[1]), (column, shape[2]))]
        assert (small[:, row, column] == volume[:, source[0], source[1]]).all()
    mask = np.ones((shape[0], size // 2 if tumor else size, size), np.uint8)
    whole = restore(mask, size, shape, NEAREST, 0.5)
    assert whole.shape == shape
    assert whole[:, -1].all()
    if not tumor:
        assert whole.all()


@MEMORY
@given(mask=MASKS)
def test_components_are_scipys(mask):
    labels, count = ndimage.label(mask, FULL)
    found = find_components(RunLengthMask.from_mask(mask))
    assert len(found) == count
    assert sorted(found.voxels.tolist()) == sorted(np.bincount(labels.ravel())[1:].tolist())
    for number in range(count):
        chosen = found.select(np.arange(count) == number).to_volume()
        assert len(np.unique(labels[chosen])) == 1
    assert (fill_holes(RunLengthMask.from_mask(mask)).to_volume() == ndimage.binary_fill_holes(mask)).all()


@MEMORY
@given(mask=MASKS)
def test_ratios_are_numpys_and_flat_ones_defined(mask):
    """A component of one line, or one voxel, has an infinite ratio; a flat one has that of its plane."""
    components = find_components(RunLengthMask.from_mask(mask))
    ratios = compute_ratio(compute_eigenvalues(components))
    for number, ratio in enumerate(ratios):
        points = np.argwhere(components.select(np.arange(len(components)) == number).to_volume())
        assert not np.isnan(ratio)
        assert ratio >= 1
        spread = np.linalg.matrix_rank(points - points[0])
        if spread < 2:
            assert ratio == np.inf
        else:
            values = np.sort(np.linalg.eigvalsh(np.cov(points.T)))[::-1]
            assert ratio == pytest.approx(values[0] / values[1])


@MEMORY
@given(sizes=st.lists(st.integers(1, 3), min_size=1, max_size=6), count=st.integers(0, 4))
def test_ties_for_the_largest_go_to_the_first(sizes, count):
    mask = np.zeros((3, 1, 2 * len(sizes)), bool)
    for number, size in enumerate(sizes):
        mask[:size, 0, 2 * number] = True
    kept = mark_largest(find_components(RunLengthMask.from_mask(mask)), count)
    ranked = sorted(range(len(sizes)), key=lambda number: (-sizes[number], number))[:count]
    assert np.flatnonzero(kept).tolist() == sorted(ranked)


@MEMORY
@given(masks=pairs())
def test_merging_lays_tumor_over_kidney(masks):
    kidney, tumor = masks
    assert (merge(RunLengthMask.from_mask(kidney), RunLengthMask.from_mask(tumor)) == np.where(tumor, 2, kidney)).all()


@MEMORY
@given(masks=pairs(), low=st.floats(1, 3), high=st.floats(3, 9))
def test_the_filter_only_removes_but_for_holes(masks, low, high):
    kidney, tumor = masks
    result = postprocess(kidney, tumor, (low, high)).segmentation
    assert ((result == 2) <= ndimage.binary_fill_holes(tumor)).all()
    assert ((result == 1) <= ndimage.binary_fill_holes(kidney)).all()
    again = postprocess(result > 0, result == 2, (low, high), tumor_kidney_overlap=0).segmentation
    assert ((again == 2) == (result == 2)).all()


@MEMORY
@given(masks=pairs())
def test_dice_by_counting(masks):
    truth, prediction = (set(map(tuple, np.argwhere(mask))) for mask in masks)
    found = compute_dice(*masks)
    assert compute_dice(*map(RunLengthMask.from_mask, masks)) == pytest.approx(found, nan_ok=True)
    if truth or prediction:
        assert found == 2 * len(truth & prediction) / (len(truth) + len(prediction))
    else:
        assert np.isnan(found)


@FILES
@given(mask=MASKS, spacing=SPACINGS)
def test_what_is_written_is_read(tmp_path, mask, spacing):
    path = tmp_path / "case_00001.nii.gz"
    write_volume(path, mask.astype(np.uint8), space(spacing).tolist())
    assert (read_label(path) == mask).all()
    assert read_geometry(path).spacing == pytest.approx(spacing, rel=1e-5)
