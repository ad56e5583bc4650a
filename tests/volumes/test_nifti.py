"""Reading volumes: every way a file can be broken is one clear line."""

import gzip
import threading

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE, save

from kidney_tumor.data.remedies import explain
from kidney_tumor.errors import UserError
from kidney_tumor.volumes import labels, nifti
from kidney_tumor.volumes.masks import read_label_masks, read_mask


def whole(path):
    return np.concatenate([block for _, block in nifti.read_columns(path)], axis=2)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 4), (7, 2, 13)])
def test_columns_are_the_volume(tmp_path, rng, dtype, shape, monkeypatch):
    monkeypatch.setattr(nifti, "BLOCK_BYTES", 200)  # several blocks, even here
    volume = rng.integers(0, 100, shape).astype(dtype)
    path = save(tmp_path / "case_00000" / "imaging.nii.gz", volume)
    assert nifti.read_geometry(path).shape == shape
    np.testing.assert_array_equal(nifti.read_geometry(path).affine, nib.load(path).affine)
    np.testing.assert_array_equal(whole(path), nib.load(path).get_fdata())


def test_both_masks_of_a_label(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(nifti, "BLOCK_BYTES", 30)  # two columns
    label = rng.integers(0, 3, (5, 3, 7)).astype(np.uint8)
    label[..., 2:4] = 0  # an empty block
    kidney_tumor, tumor = read_label_masks(save(tmp_path / "segmentation.nii.gz", label))
    np.testing.assert_array_equal(kidney_tumor.to_volume(), label > 0)
    np.testing.assert_array_equal(tumor.to_volume(), label == 2)


def test_header_scaling_is_applied(tmp_path):
    image = nib.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), AFFINE)
    image.header.set_slope_inter(2, -1000)
    path = tmp_path / "imaging.nii.gz"
    nib.save(image, path)
    np.testing.assert_allclose(whole(path), nib.load(path).get_fdata())


def test_write_then_read(tmp_path, rng):
    label = rng.integers(0, 3, (4, 6, 5)).astype(np.uint8)
    nifti.write_volume(tmp_path / "x.nii.gz", label, AFFINE.tolist())
    np.testing.assert_array_equal(labels.read_label(tmp_path / "x.nii.gz"), label)
    np.testing.assert_array_equal(nib.load(tmp_path / "x.nii.gz").affine, AFFINE)
    assert nib.load(tmp_path / "x.nii.gz").get_data_dtype() == np.uint8


def test_the_same_volume_is_the_same_bytes(tmp_path, rng, monkeypatch):
    label = rng.integers(0, 3, (4, 6, 5)).astype(np.uint8)
    nifti.write_volume(tmp_path / "x.nii.gz", label, AFFINE.tolist())
    monkeypatch.setattr("time.time", lambda: 0.0)
    nifti.write_volume(tmp_path / "y.nii.gz", np.asfortranarray(label), AFFINE.tolist())
    assert (tmp_path / "x.nii.gz").read_bytes() == (tmp_path / "y.nii.gz").read_bytes()


@pytest.mark.parametrize("voxel", [np.nan, np.inf])
def test_one_voxel_that_is_no_number_is_found(tmp_path, voxel):
    volume = np.full((3, 4, 5), 3e38, np.float32)  # the sum overflows, which is no error
    assert whole(save(tmp_path / "imaging.nii.gz", volume)).shape == volume.shape
    volume[1, 2, 3] = voxel
    with pytest.raises(UserError, match="NaN or infinite"):
        whole(save(tmp_path / "imaging.nii.gz", volume))


def test_a_reader_may_be_left_half_way(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(nifti, "BLOCK_BYTES", 200)
    path = save(tmp_path / "imaging.nii.gz", rng.integers(0, 9, (4, 6, 50)).astype(np.int16))
    threads = threading.active_count()
    columns = nifti.read_columns(path)
    next(columns)
    columns.close()
    assert threading.active_count() == threads


def test_damage_in_a_later_block_is_one_line(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(nifti, "BLOCK_BYTES", 20000)
    path = save(tmp_path / "imaging.nii.gz", rng.integers(-999, 999, (10, 60, 100)).astype(np.int16))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    columns = nifti.read_columns(path)
    next(columns)
    with pytest.raises(UserError, match=r"imaging\.nii\.gz is truncated"):
        list(columns)


def broken(tmp_path, kind):
    path = tmp_path / "case_00007" / "imaging.nii.gz"
    volume = np.random.default_rng(0).normal(0, 100, (6, 20, 20))
    if kind == "missing":
        return path
    if kind in ("nan", "inf"):
        volume[3, 4, 5] = float(kind)
    if kind == "4-d":
        volume = volume[..., None].repeat(2, 3)
    if kind == "empty":
        volume = volume[:0]
    if kind == "colors":
        volume = np.zeros((3, 4, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    save(path, volume)
    content = path.read_bytes()
    if kind == "cut before it was gzipped":
        path.write_bytes(gzip.compress(gzip.decompress(content)[:-1000]))
    if kind == "negative axis":
        path.write_bytes(gzip.compress(gzip.decompress(content)[:42] + b"\xf0\xff" + gzip.decompress(content)[44:]))
    if kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
    if kind == "without its checksum":
        path.write_bytes(content[:-8])
    if kind == "flipped bit":
        path.write_bytes(content[:-6] + bytes([content[-6] ^ 1]) + content[-5:])
    if kind == "empty file":
        path.write_bytes(b"")
    if kind == "no nifti":
        path.write_bytes(gzip.compress(b"hello" * 200))
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "is missing"),
        ("truncated", "truncated"),
        ("without its checksum", "truncated"),
        ("flipped bit", "truncated"),
        ("empty file", "is empty"),
        ("cut before it was gzipped", "truncated"),
        ("negative axis", "expected one volume with three axes"),
        ("colors", "holds colors"),
        ("no nifti", "is not a NIfTI file"),
        ("nan", "NaN or infinite"),
        ("inf", "NaN or infinite"),
        ("4-d", "expected one volume with three axes"),
        ("empty", "none empty"),
    ],
)
def test_broken_file_is_one_clear_line(tmp_path, kind, says):
    path = broken(tmp_path, kind)
    with pytest.raises(UserError) as error:
        whole(path)
    message = str(error.value)
    assert says in message
    assert message.startswith(f"{path} ")
    explained = explain(error.value)
    assert explained.startswith(f"case_00007: {path} {error.value.what}; ")
    assert "leave the case out" in explained
    assert "\n" not in message + explained


@pytest.mark.parametrize(
    ("value", "dtype"), [(3, np.uint8), (-1, np.int16), (258, np.int16), (0.5, np.float32), (1.01, np.float64)]
)
def test_strange_label_is_named(tmp_path, value, dtype):
    label = np.zeros((3, 4, 5), dtype)
    label[1, 2, 3] = value
    path = save(tmp_path / "case_00007" / "segmentation.nii.gz", label)
    with pytest.raises(
        UserError, match=rf"case_00007.*holds (labels )?{value}(;|, as maps .* do;) expected 0, 1 and 2"
    ):
        labels.read_label(path)


def test_label_stored_as_float_is_read(tmp_path):
    label = np.arange(24).reshape(2, 3, 4) % 3
    path = save(tmp_path / "segmentation.nii.gz", label.astype(np.float64))
    read = labels.read_label(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, label)


def test_any_change_of_the_header_is_an_error_or_harmless(tmp_path, rng):
    """A header with random bytes gives a volume, or one line of error that names the file, and nothing else."""
    path = save(tmp_path / "case_00007" / "imaging.nii.gz", rng.integers(0, 3, (3, 4, 5)).astype(np.int16))
    content = gzip.decompress(path.read_bytes())
    for _ in range(300):
        changed = bytearray(content)
        for place in rng.integers(0, 348, 3):
            changed[place] = rng.integers(0, 256)
        path.write_bytes(gzip.compress(bytes(changed), 1))
        message = "case_00007, harmless"
        with np.errstate(all="ignore"):
            try:
                whole(path)
            except UserError as error:
                message = str(error)
        assert "case_00007" in message
        assert "\n" not in message


def test_masks_are_everything_above_0(tmp_path):
    mask = np.array([[[0, 1, 255]]], np.uint8)
    assert read_mask(save(tmp_path / "kidney.nii.gz", mask)).to_volume().tolist() == [[[False, True, True]]]
    (tmp_path / "kidney.nii.gz").write_bytes(b"")
    with pytest.raises(UserError, match=r"^[^:]*kidney\.nii\.gz is empty; copy or export it again$"):
        read_mask(tmp_path / "kidney.nii.gz")


def test_an_unreadable_file_is_not_called_truncated(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    path = save(tmp_path / "imaging.nii.gz", np.zeros((1, 1, 1), np.uint8))
    monkeypatch.setattr(nifti.igzip, "open", refuse)
    with pytest.raises(PermissionError):
        nifti.read_geometry(path)
