"""Volumes in any orientation: read in the workflow's axes, and written back into their own."""

import gzip
import itertools

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE, save, save_case, turn

from kidney_tumor.data.slices import extract
from kidney_tumor.errors import UserError
from kidney_tumor.volumes import nifti
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.masks import read_label_masks, read_mask

EVERY = [codes for order in itertools.permutations(("RL", "AP", "IS")) for codes in itertools.product(*order)]
"""The 48 ways to store a volume, by the direction in which each axis runs."""


def whole(path):
    return np.concatenate([block for _, block in nifti.read_columns(path)], axis=2)


@pytest.mark.parametrize("codes", EVERY, ids="".join)
def test_every_orientation_is_read_alike_and_written_back(tmp_path, rng, monkeypatch, codes):
    monkeypatch.setattr(nifti, "BLOCK_BYTES", 200)  # several blocks
    volume = rng.integers(0, 3, (4, 6, 11)).astype(np.int16)
    stored = turn(nib.Nifti1Image(volume, AFFINE), codes)
    path = tmp_path / "scan.nii.gz"
    nib.save(stored, path)
    geometry = nifti.read_geometry(path)
    assert geometry.codes == codes
    assert geometry.shape == volume.shape
    assert geometry.spacing == pytest.approx((3, 0.75, 0.75))
    np.testing.assert_allclose(geometry.affine, AFFINE, atol=1e-5)
    np.testing.assert_array_equal(whole(path), volume)
    np.testing.assert_array_equal(read_mask(path).to_volume(), volume > 0)
    np.testing.assert_array_equal(read_label_masks(path)[1].to_volume(), volume == 2)
    mask = (volume == 1).astype(np.uint8)
    nifti.write_volume(tmp_path / "mask.nii.gz", mask, geometry.stored_affine)
    written = nib.load(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(written.affine, nib.load(path).affine)
    np.testing.assert_array_equal(written.get_fdata() == 1, stored.get_fdata() == 1)


def test_a_voxel_keeps_its_place_in_the_patient(tmp_path, rng):
    """An oblique volume: each voxel of the workflow's axes lies where it lies in the file."""
    turned = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.15, -0.1, 0.1) @ np.diag([0.7, 0.7, 2.5]), [5, 6, 7])
    stored = rng.permutation(5 * 7 * 4).reshape(5, 7, 4).astype(np.int16)  # every voxel differs
    nib.save(nib.Nifti1Image(stored, turned), tmp_path / "scan.nii.gz")
    geometry, volume = nifti.read_geometry(tmp_path / "scan.nii.gz"), whole(tmp_path / "scan.nii.gz")
    assert geometry.codes == ("R", "A", "S")
    for index in np.ndindex(volume.shape):
        (there,) = np.argwhere(stored == volume[index])
        place = nib.affines.apply_affine(np.array(geometry.affine), index)
        np.testing.assert_allclose(place, nib.affines.apply_affine(turned, there), atol=1e-4)
    slices, rows, columns = (nib.affines.apply_affine(np.array(geometry.affine), step) for step in np.eye(3))
    corner = np.array(geometry.affine)[:3, 3]
    assert (slices - corner)[2] < 0  # downwards
    assert (rows - corner)[1] < 0  # backwards
    assert (columns - corner)[0] < 0  # to the patient's left


def test_scaled_values_are_scaled_in_any_axes(tmp_path, rng):
    image = nib.Nifti1Image(rng.integers(0, 999, (3, 4, 5)).astype(np.int16), AFFINE)
    image.header.set_slope_inter(2.5, -1024)
    for name, each in (("a", image), ("b", turn(image, ("R", "A", "S")))):
        each.header.set_slope_inter(2.5, -1024)
        nib.save(each, tmp_path / f"{name}.nii.gz")
    np.testing.assert_array_equal(whole(tmp_path / "a.nii.gz"), whole(tmp_path / "b.nii.gz"))
    np.testing.assert_allclose(whole(tmp_path / "a.nii.gz"), nib.load(tmp_path / "a.nii.gz").get_fdata())


def test_a_plain_file_is_read(tmp_path, rng):
    volume = rng.integers(-999, 999, (3, 4, 5)).astype(np.int16)
    nib.save(nib.Nifti1Image(volume, AFFINE), tmp_path / "scan.nii")
    np.testing.assert_array_equal(whole(tmp_path / "scan.nii"), volume)
    content = (tmp_path / "scan.nii").read_bytes()
    (tmp_path / "scan.nii").write_bytes(content[:-1])
    with pytest.raises(UserError, match=r"scan\.nii is truncated: 471 bytes"):
        whole(tmp_path / "scan.nii")
    (tmp_path / "scan.nii").write_bytes(b"hello")
    with pytest.raises(UserError, match=r"scan\.nii is not a NIfTI file"):
        whole(tmp_path / "scan.nii")


def edit(image, **header):
    for key, value in header.items():
        image.header[key] = value
    return image


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (lambda v: nib.Nifti1Image(v, np.eye(4)), "has the identity as its affine"),
        (lambda v: nib.Nifti1Image(v, None), "does not say how it is oriented"),
        (lambda v: nib.Nifti1Image(v, AFFINE @ np.array([[1, 0, 0, 0], [0.4, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])),
         "sheared"),
        (lambda v: nib.Nifti1Image(v, np.diag([0.003, 0.001, 0.001, 1])), "0.003 x 0.001 x 0.001, which cannot be mm"),
        (lambda v: nib.Nifti1Image(v, np.diag([700, 700, 3000, 1])), "which cannot be mm"),
        (lambda v: edit(nib.Nifti1Image(v, AFFINE), xyzt_units=1), "another unit than mm"),
        (lambda v: nib.Nifti1Image(v, np.diag([3, 0.75, 0.75, 1])), "0.75 mm apart with pixels of 0.75 x 3 mm"),
    ],
)  # fmt: skip
def test_an_affine_that_gives_no_place_is_one_line(tmp_path, image, says):
    path = tmp_path / "case_00007" / "imaging.nii.gz"
    path.parent.mkdir()
    nib.save(image(np.zeros((3, 4, 5), np.int16)), path)
    with pytest.raises(UserError, match=says) as error:
        nifti.read_geometry(path)
    assert str(error.value).startswith(f"{path} ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("row", [[0, 0, 0, 0], [np.nan] * 4, [0, -0.75, 0, 0]])
def test_a_singular_affine_is_one_line(tmp_path, row):
    path = save(tmp_path / "imaging.nii.gz", np.zeros((3, 4, 5), np.int16))
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[280:296] = np.array(row, "<f4").tobytes()  # the first row of the affine, in which nibabel writes no fault
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(UserError, match="singular"):
        nifti.read_geometry(path)


def test_cases_in_two_orientations_give_the_same_slices(tmp_path, rng):
    image, label = rng.integers(-999, 999, (4, 12, 12)).astype(np.int16), rng.integers(0, 3, (4, 12, 12)).astype("u1")
    folder = save_case(tmp_path / "case_00000", image, label)
    expected = extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", 8, tmp_path / "a")
    nib.save(turn(nib.load(folder / "imaging.nii.gz"), "RAS"), tmp_path / "imaging.nii.gz")
    for codes in ("RAS", "ASR"):  # a label in its image's axes, and in others
        nib.save(turn(nib.Nifti1Image(label, AFFINE), codes), tmp_path / "segmentation.nii.gz")
        store = extract(tmp_path / "imaging.nii.gz", tmp_path / "segmentation.nii.gz", 8, tmp_path / "b")
        np.testing.assert_array_equal(store.images, expected.images)
        np.testing.assert_array_equal(store.labels, expected.labels)
        assert store.geometry.codes == ("R", "A", "S")


def test_a_label_with_a_lost_affine_is_refused(tmp_path):
    """A cube, so that its shape says nothing."""
    folder = save_case(tmp_path / "case_00004", np.zeros((8, 8, 8), np.int16), np.zeros((8, 8, 8), np.uint8))
    lost = np.diag([0.75, 0.75, 0.75, 1])
    nib.save(nib.Nifti1Image(np.zeros((8, 8, 8), np.uint8), lost), folder / "segmentation.nii.gz")
    with pytest.raises(UserError, match=r"case_00004.*segmentation.nii.gz does not lie where .*imaging.nii.gz lies"):
        extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", 4, tmp_path / "out")


def test_files_of_kits19_take_the_fast_way(tmp_path, monkeypatch):
    path = save(tmp_path / "imaging.nii.gz", np.zeros((3, 4, 5), np.int16))
    monkeypatch.setattr(nifti, "_cut_columns", None)
    assert whole(path).shape == (3, 4, 5)
    geometry = Geometry((3, 4, 5), AFFINE.tolist())
    assert geometry.affine == AFFINE.tolist()
