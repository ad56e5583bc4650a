"""Slice extraction against scikit-image and brute force."""

import json
import tracemalloc

import numpy as np
import pytest
from conftest import save_case
from skimage.transform import resize as skimage_resize

from kidney_tumor.data import slices
from kidney_tumor.errors import UserError
from kidney_tumor.volumes import nifti


@pytest.mark.parametrize("shape", [(512, 512), (512, 796), (128, 160), (511, 301), (40, 100), (17, 1)])
@pytest.mark.parametrize("size", [256, 96, 32])
def test_nearest_is_scikit_image_order_0(rng, shape, size):
    volume = rng.integers(-1000, 1000, (1, *shape)).astype(np.int16)
    expected = skimage_resize(volume[0], (size, size), order=0, preserve_range=True, anti_aliasing=False, mode="edge")
    ours = slices.resize(volume, size, size)[0]
    ties = [(2 * np.arange(size) + 1) * length % (2 * size) == 0 for length in shape]  # floating point decides there
    np.testing.assert_array_equal(ours[~ties[0]][:, ~ties[1]], expected[~ties[0]][:, ~ties[1]])
    assert ours.dtype == volume.dtype


def test_nearest_by_hand():
    assert slices.sample_nearest(8, 4).tolist() == [1, 3, 5, 7]
    assert slices.sample_nearest(4, 8).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert slices.sample_nearest(5, 3).tolist() == [0, 2, 4]


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 40, 52), (1, 33, 17)])
def test_extraction_is_a_resize_of_every_slice(tmp_path, rng, dtype, shape):
    image = rng.integers(-1024, 3000, shape).astype(dtype)
    label = rng.integers(0, 3, shape).astype(np.uint8)
    folder = save_case(tmp_path / "case_00000", image, label)
    slices.extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", 32, tmp_path / "out")
    stored = slices.open_slices(tmp_path / "out")
    for z in range(shape[0]):
        for row in range(32):
            y, x = int((row + 0.5) * shape[1] / 32), int((row + 0.5) * shape[2] / 32)
            assert stored.images[z, row, row] == image[z, y, x]
            assert stored.labels[z, row, row] == label[z, y, x]
    assert stored.images.dtype == np.int16
    assert stored.geometry.shape == shape
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_fractions_are_rounded_and_extremes_clipped(tmp_path):
    image = np.array([-40000.0, -0.6, 0.4, 40000.0], np.float32).repeat(4).reshape(1, 4, 4)
    folder = save_case(tmp_path / "case_00000", image, np.zeros((1, 4, 4), np.uint8))
    store = slices.extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", 4, tmp_path / "out")
    assert store.images[0, :, 0].tolist() == [-32768, -1, 0, 32767]


def test_lower_half_is_the_rows_from_the_middle_resized():
    """Cropping the resized slice is resizing the cropped slice."""
    volume = np.arange(2 * 64 * 48).reshape(2, 64, 48)
    cropped_first = slices.resize(volume[:, 32:], 8, 16)
    seen = slices.crop_to_view(slices.resize(volume, 16, 16), "tumor", "lower_half")
    np.testing.assert_array_equal(seen, cropped_first)


def test_a_volume_is_never_whole_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(nifti, "BLOCK_BYTES", 2**19)
    label = np.zeros((20, 256, 256), np.uint8)
    folder = save_case(tmp_path / "case_00000", label.astype(np.float64), label)  # 10 MiB
    tracemalloc.start()
    slices.extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", 32, tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20


@pytest.mark.parametrize("block", [100, 5000, 2**24])
@pytest.mark.parametrize("size", [16, 70, 100])
def test_blocks_make_no_difference(tmp_path, rng, monkeypatch, block, size):
    """Strips of columns that end within a block, at its end, or at the last column."""
    monkeypatch.setattr(nifti, "BLOCK_BYTES", block)
    image = rng.normal(0, 30000, (3, 11, 83))  # some beyond int16
    folder = save_case(tmp_path / "case_00000", image, np.zeros(image.shape, np.uint8))
    store = slices.extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", size, tmp_path / "out")
    expected = slices.resize(np.rint(image).clip(-32768, 32767).astype(np.int16), size, size)
    np.testing.assert_array_equal(store.images, expected)


def test_shape_of_label_must_be_that_of_image(tmp_path):
    folder = save_case(tmp_path / "case_00004", np.zeros((3, 8, 8), np.int16), np.zeros((3, 8, 9), np.uint8))
    with pytest.raises(UserError, match=r"case_00004.*segmentation.*\(3, 8, 9\).*\(3, 8, 8\)"):
        slices.extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", 4, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damaged_slices_are_refused(tmp_path, rng, damage):
    folder = save_case(
        tmp_path / "case_00000", rng.integers(0, 9, (2, 8, 8)).astype(np.int16), np.ones((2, 8, 8), "u1")
    )
    slices.extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", 8, tmp_path / "out")
    path = tmp_path / "out" / "images.npy"
    content = path.read_bytes()
    if damage == "flip":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    if damage == "cut":
        path.write_bytes(content[:-9])
    if damage == "remove":
        path.unlink()
    with pytest.raises(UserError, match=r"images\.npy is damaged"):
        slices.open_slices(tmp_path / "out")


def test_slices_under_the_name_of_another_case_are_refused(tmp_path):
    folder = save_case(tmp_path / "case_00000", np.zeros((2, 8, 8), np.int16), np.ones((2, 8, 8), "u1"))
    slices.extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", 8, tmp_path / "slices" / "case_00000")
    (tmp_path / "slices" / "case_00000").rename(tmp_path / "slices" / "case_00001")
    for read in (slices.open_slices, lambda path: slices.load_stored(path, "labels.npy")):
        with pytest.raises(UserError, match="case_00001 holds the slices of case_00000"):
            read(tmp_path / "slices" / "case_00001")


def test_an_incomplete_record_is_refused(tmp_path):
    for content, lacking in (('{"shape": [1, 2, 3]}', "case"), ('{"case": "a"}', "affine, crc32, hu, notes, shape")):
        (tmp_path / "slices.json").write_text(content)
        with pytest.raises(UserError, match=rf"slices\.json lacks {lacking};"):
            slices.open_slices(tmp_path)


def test_the_record_is_readable(tmp_path):
    folder = save_case(tmp_path / "case_00000", np.zeros((2, 8, 6), np.int16), np.zeros((2, 8, 6), np.uint8))
    slices.extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", 4, tmp_path / "out")
    record = json.loads((tmp_path / "out" / "slices.json").read_text())
    assert record["shape"] == [2, 8, 6]
    assert record["size"] == 4
