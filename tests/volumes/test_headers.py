"""Headers as real programs write them: each is read as the NIfTI standard means it, or refused for its true reason."""

import gzip
import re
import struct

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE, run_script, save, save_case, turn

from kidney_tumor.data.descriptions import read_description
from kidney_tumor.data.slices import extract
from kidney_tumor.errors import UserError
from kidney_tumor.volumes import labels, nifti
from kidney_tumor.volumes.masks import read_label_masks, read_mask

SHAPE = (4, 6, 5)
PIXDIM, QUATERNION, SFORM = 76, 256, 280
"""Where these begin in a NIfTI-1 header (nifti1.h)."""


@pytest.fixture
def volume(rng):
    return rng.integers(-1000, 3000, SHAPE).astype(np.int16)


def whole(path):
    return np.concatenate([block for _, block in nifti.read_columns(path)], axis=2)


def edit(content, *fields):
    """The bytes of a volume with other fields: pairs of a place and of struct's format and values."""
    content = bytearray(content)
    for place, (form, *values) in fields:
        struct.pack_into(f"<{form}", content, place, *values)
    return bytes(content)


def write(path, content):
    path.write_bytes(gzip.compress(content))
    return path


def plain(volume, affine=AFFINE, kind=nib.Nifti1Image):
    """The bytes of a volume with one affine as sform and qform."""
    image = kind(volume, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    return image.to_bytes()


def swapped(image):
    """The bytes of an image in the other order of bytes."""
    header = image.header.as_byteswapped(">")
    header["vox_offset"] = 352
    return header.binaryblock + bytes(4) + image.get_fdata().astype(">i2").tobytes(order="F")


VALID = {
    "an offset of 0": [(108, ("f", 0))],
    "an offset of 348": [(108, ("f", 348))],
    "a negative offset": [(108, ("f", -1))],
    "an offset that is no number": [(108, ("f", np.nan))],
    "an infinite offset": [(108, ("f", np.inf))],
    "a qform that is no turn beside a right sform": [(QUATERNION, ("3f", 0.9, 0.9, 0.9))],
    "an axis of length 1": [(40, ("8h", 4, *SHAPE, 1, 1, 1, 1))],
    "two axes of length 1": [(40, ("8h", 5, *SHAPE, 1, 1, 1, 1))],
    "seven axes": [(40, ("8h", 7, *SHAPE, 1, 1, 1, 1))],
    "an axis of length 0": [(40, ("8h", 4, *SHAPE, 0, 0, 0, 0))],
    "an intercept that is no number": [(112, ("2f", 1, np.nan))],
    "an infinite intercept": [(112, ("2f", 1, np.inf))],
    "a slope of 0": [(112, ("2f", 0, 7))],
    "a slope that is no number": [(112, ("2f", np.nan, 7))],
    "negative voxel sizes": [(PIXDIM + 4, ("3f", -3, -0.75, 0.75))],
    "no voxel sizes": [(PIXDIM + 4, ("3f", 0, 0, 0))],
    "no qfac": [(PIXDIM, ("f", 0)), (252, ("h", 0))],
    "rounded voxel sizes": [(PIXDIM + 4, ("3f", 3.01, 0.751, 0.75))],
    "a description that names a case": [(148, ("40s", b"mnc2nii case_00012.mnc case_00012.nii"))],
    "a description that is the name of a case": [(148, ("12s", b"case_00012"))],
}


@pytest.mark.parametrize("what", VALID)
@pytest.mark.parametrize("codes", ["IPL", "RAS"])
def test_a_valid_header_is_read(tmp_path, volume, what, codes, capfd):
    stored = turn(nib.Nifti1Image(volume, AFFINE), codes)
    content = edit(plain(np.asarray(stored.dataobj), stored.affine), *VALID[what])
    if codes == "RAS" and what.endswith(("axis of length 1", "axes of length 1", "axes", "length 0")):
        content = edit(content, (42, ("3h", *stored.shape)))
    if codes == "RAS" and "voxel sizes" in what and what != "no voxel sizes":
        content = edit(content, (PIXDIM + 4, ("3f", 0.75, 0.751, 3.01)))
    path = write(tmp_path / "case_00007.nii.gz", content)
    np.testing.assert_array_equal(whole(path), volume)
    geometry = nifti.read_geometry(path)
    np.testing.assert_array_equal(geometry.stored_affine, stored.affine)
    assert geometry.warning == ""
    assert capfd.readouterr() == ("", "")


def test_the_content_decides_and_not_the_name(tmp_path, volume):
    for kind in (nib.Nifti1Image, nib.Nifti2Image):
        content = plain(volume, kind=kind)
        for name in ("a.nii", "a.nii.gz"):
            for stored in (content, gzip.compress(content)):
                (tmp_path / name).write_bytes(stored)
                np.testing.assert_array_equal(whole(tmp_path / name), volume)
    second = bytearray(plain(volume, kind=nib.Nifti2Image))
    struct.pack_into("<q", second, 168, 0)  # of NIfTI-2, whose voxels begin at 544
    np.testing.assert_array_equal(whole(write(tmp_path / "b.nii", bytes(second))), volume)


def test_bytes_in_the_other_order_are_read(tmp_path, volume):
    path = write(tmp_path / "a.nii.gz", swapped(nib.Nifti1Image(volume, AFFINE)))
    np.testing.assert_array_equal(whole(path), volume)
    assert whole(path).dtype == np.int16
    np.testing.assert_array_equal(nifti.read_geometry(path).stored_affine, AFFINE)


@pytest.mark.parametrize("excess", [0, 1e-7, 5e-7, 1e-6, 1e-5, 1e-3])
def test_a_quaternion_somewhat_longer_than_1_is_normalized(tmp_path, volume, excess):
    """A turn by 180 degrees about the third axis, in which single precision leaves nothing for the real part."""
    turned = np.diag([-0.75, -0.75, 3, 1])
    image = nib.Nifti1Image(volume, turned)
    image.set_sform(turned, 0)
    image.set_qform(turned, 1)
    content = edit(image.to_bytes(), (QUATERNION, ("3f", 0, 0, np.sqrt(1 + excess))))
    affine = nifti.read_geometry(write(tmp_path / "a.nii.gz", content)).stored_affine
    np.testing.assert_allclose(affine, turned, atol=1e-6)


SIZES = {
    "the sform lacks sizes": [(SFORM, ("12f", 0, 0, -1, 10, 0, -1, 0, 20, -1, 0, 0, 30))],
    "the sform is no orientation": [(SFORM, ("12f", *[0] * 12))],
    "the sform is no number": [(SFORM, ("12f", *[np.nan] * 12))],
    "the sform has others": [(SFORM, ("12f", 0, 0, -0.8, 10, 0, -0.8, 0, 20, -3, 0, 0, 30))],
}


@pytest.mark.parametrize("what", SIZES)
def test_the_qform_counts_where_the_sform_has_other_voxel_sizes(tmp_path, volume, what, capfd):
    path = write(tmp_path / "a.nii.gz", edit(plain(volume), *SIZES[what]))
    geometry = nifti.read_geometry(path)
    np.testing.assert_allclose(geometry.stored_affine, AFFINE, atol=1e-6)
    sizes = "has voxels of .* mm, its qform and voxel sizes have 3 x 0.75 x 0.75 mm"
    assert re.fullmatch(rf"its sform ({sizes}|is no orientation); the qform is used", geometry.warning)
    extract(path, None, 8, tmp_path / "a")
    assert capfd.readouterr().out == f"warning: {path}: {geometry.warning}\n"
    assert read_description(tmp_path / "a")["notes"] == [geometry.warning]


@pytest.mark.parametrize(
    "fields",
    [
        [*SIZES["the sform lacks sizes"], (252, ("h", 0))],  # without a qform
        [*SIZES["the sform has others"], (252, ("h", 0))],
        [(PIXDIM + 4, ("3f", 1, 1, 1)), (252, ("h", 0))],
        [(PIXDIM + 4, ("3f", 1, 1, 1))],  # whose qform lacks them, too
        [(PIXDIM + 4, ("3f", 3, 0.7, 0.75)), (252, ("h", 0))],
    ],
)
def test_voxel_sizes_of_which_none_can_be_trusted_are_refused(tmp_path, volume, fields):
    path = write(tmp_path / "a.nii.gz", edit(plain(volume), *fields))
    with pytest.raises(
        UserError, match=r"has voxels of [\d.]+ x .* by its affine and of [\d.]+ x .* by its voxel sizes"
    ):
        nifti.read_geometry(path)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([(40, ("8h", 4, *SHAPE, 2, 1, 1, 1))], r"has shape \(4, 6, 5, 2\); expected one volume"),
        ([(40, ("8h", 5, *SHAPE, 1, 3, 1, 1))], r"has shape \(4, 6, 5, 1, 3\); expected one volume"),
        ([(40, ("8h", 2, 4, 6, 1, 1, 1, 1, 1))], r"has shape \(4, 6\); expected one volume"),
        ([(70, ("h", 4242))], "has voxels of the type 4242"),
        ([(70, ("h", 1536))], r"is truncated|holds colors"),  # 128 bits, which not every machine knows
        ([(344, ("4s", b"ni1\0"))], "is the header of a pair of files"),
        ([(344, ("4s", b""))], "its magic string is missing"),
        ([(0, ("i", 347))], "is not a NIfTI file"),
        ([(QUATERNION, ("3f", 0, 0, 2)), (254, ("h", 0))], "has a qform that is no orientation .*, and no sform"),
        ([(SFORM, ("12f", *[0] * 12)), (252, ("h", 0))], "singular"),
        ([(70, ("h", 1))], "has voxels of one bit each"),
        ([(108, ("f", 1e9))], "is truncated: "),
    ],
)
def test_what_cannot_be_read_is_refused_for_its_reason(tmp_path, volume, fields, says, capfd):
    path = write(tmp_path / "a.nii.gz", edit(plain(volume), *fields))
    with pytest.raises(UserError, match=says) as error:
        whole(path)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def label(rng):
    return rng.integers(0, 3, SHAPE).astype(np.uint8)


@pytest.mark.parametrize("kind", ["u1", "i2", "i4"])
def test_labels_saved_as_float_under_a_header_of_integers_are_labels(tmp_path, label, kind):
    image = nib.Nifti1Image(label.astype(float), AFFINE)
    image.header.set_data_dtype(kind)
    nib.save(image, tmp_path / "label.nii.gz")
    assert set(np.unique(nib.load(tmp_path / "label.nii.gz").dataobj)) != {0, 1, 2}  # 0.996 for example
    np.testing.assert_array_equal(labels.read_label(tmp_path / "label.nii.gz"), label)
    np.testing.assert_array_equal(read_label_masks(tmp_path / "label.nii.gz")[1].to_volume(), label == 2)
    np.testing.assert_array_equal(read_mask(tmp_path / "label.nii.gz").to_volume(), label > 0)


@pytest.mark.parametrize("factor", [1 - 2**-24, 1 + 2**-22, 1.0002])
def test_labels_that_arithmetic_rounded_are_labels(tmp_path, label, factor):
    path = save(tmp_path / "label.nii.gz", (label * np.float32(factor)).astype(np.float32))
    np.testing.assert_array_equal(labels.read_label(path), label)


def scaled(label, slope):
    """Stored integers that a header scales."""
    image = nib.Nifti1Image(label, AFFINE)
    image.header.set_slope_inter(slope, 0)
    return image


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(lambda v: nib.Nifti1Image((v * 0.49).astype(np.float32), AFFINE), id="probabilities"),
        pytest.param(lambda v: scaled(v * 100, 1 / 255), id="probabilities in 255 steps"),
        pytest.param(lambda v: scaled(v, 0.5), id="a coarse scaling"),
        pytest.param(lambda v: nib.Nifti1Image((v + np.roll(v, 1, 0)) / 2, AFFINE), id="interpolated"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path, label, image):
    nib.save(image(label), tmp_path / "tumor.nii.gz")
    for read in (read_mask, labels.read_label):
        with pytest.raises(UserError, match=r"holds 0?1?\.\d+, as maps of probability .*; apply a threshold"):
            read(tmp_path / "tumor.nii.gz")


@pytest.mark.parametrize(
    ("move", "lies_there"),
    [([0, 0, 0], True), ([0.3, -0.3, 0.3], True), ([0.5, 0, 0], False), ([0, 60, 0], False), ([0, 0, -100], False)],
)
def test_volumes_of_a_case_are_compared_in_place(tmp_path, label, move, lies_there):
    """By all who take two, and to half a voxel: image and label, both masks of the filter, prediction and label."""
    elsewhere = AFFINE.copy()
    elsewhere[:3, 3] += move
    folder = save_case(tmp_path / "case_00000", np.zeros(SHAPE, np.int16), label)
    save(tmp_path / "kidney.nii.gz", (label > 0).astype(np.uint8))
    moved = tmp_path / "moved.nii.gz"
    nib.save(turn(nib.Nifti1Image((label == 2).astype(np.uint8), elsewhere), "LAS"), moved)
    (tmp_path / "range.json").write_text('{"low": 1, "high": 5}')
    nib.save(nib.Nifti1Image(label, elsewhere), folder / "segmentation.nii.gz")
    masks = ["--kidney", tmp_path / "kidney.nii.gz", "--tumor", moved]
    truth = ["--label", folder / "segmentation.nii.gz", "--segmentation", tmp_path / "kidney.nii.gz"]
    outputs = ["--output", tmp_path / "b.tsv", "--output-measures", tmp_path / "c.tsv"]
    results = [
        run_script("check_cohort", "--root", tmp_path, "--cases", "case_00000", "--output", tmp_path / "a.tsv"),
        run_script("postprocess", *masks, "--ratio-range", tmp_path / "range.json", "--output", tmp_path / "a.nii.gz"),
        run_script("score", "--case", "case_00000", *masks, *truth, *outputs),
    ]
    for result in results:
        assert result.returncode == (0 if lies_there else 1), result.stderr
        if not lies_there:
            assert "does not lie where" in result.stderr
            assert f"up to {max(np.abs(move)):g} mm away" in result.stderr
            assert len(result.stderr.splitlines()) <= 2


def test_a_label_stored_in_other_axes_is_compared_in_place(tmp_path, label):
    folder = save_case(tmp_path / "case_00000", np.zeros(SHAPE, np.int16), label)
    mirrored = turn(nib.Nifti1Image(label, AFFINE), "IPR").affine
    nib.save(nib.Nifti1Image(label, mirrored), folder / "segmentation.nii.gz")
    extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", 8, tmp_path / "a")  # it covers the same place
    mirrored[0, 3] += 1
    nib.save(nib.Nifti1Image(label, mirrored), folder / "segmentation.nii.gz")
    with pytest.raises(UserError, match="up to 1 mm away"):
        extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", 8, tmp_path / "a")


@pytest.mark.parametrize("place", [0, 2])
def test_a_mask_has_few_values_wherever_they_lie(tmp_path, monkeypatch, place):
    """In whichever block: labels 0 to 3, of several organs, are no mask of one; 0 and 255, or 0, 1 and 2, are."""
    monkeypatch.setattr(nifti, "BLOCK_BYTES", 30)  # one column
    label = np.zeros((5, 6, 4), np.uint8)
    label[0, :2, 1] = 1, 2
    assert read_mask(save(tmp_path / "a.nii.gz", label)).voxels == 2
    label[1, 1, place] = 3
    with pytest.raises(
        UserError, match=r"holds more than 3 values, from 0 to 3, .*; apply a threshold, or give a mask"
    ):
        read_mask(save(tmp_path / "a.nii.gz", label))
    assert read_mask(save(tmp_path / "b.nii.gz", np.where(label > 0, 255, 0).astype(np.uint8))).voxels == 3


def test_what_others_read_differently_is_not_plain(tmp_path, volume):
    """So that nnU-Net gets it written anew; what nibabel reads alike is."""
    turned = np.diag([-0.75, -0.75, 3, 1])
    image = nib.Nifti1Image(volume, turned)
    image.set_sform(turned, 0)
    image.set_qform(turned, 1)
    long = edit(image.to_bytes(), (QUATERNION, ("3f", 0, 0, np.sqrt(1 + 1e-5))))
    assert nifti.read_volume(write(tmp_path / "a.nii.gz", plain(volume))).is_plain
    assert nifti.read_volume(write(tmp_path / "a.nii.gz", edit(plain(volume), *VALID["no qfac"]))).is_plain
    assert not nifti.read_volume(write(tmp_path / "a.nii.gz", long)).is_plain
    for what in ("an offset of 0", "an axis of length 1", "an intercept that is no number", "negative voxel sizes"):
        assert not nifti.read_volume(write(tmp_path / "a.nii.gz", edit(plain(volume), *VALID[what]))).is_plain, what
    assert not nifti.read_volume(write(tmp_path / "a.nii.gz", plain(volume, kind=nib.Nifti2Image))).is_plain
    (tmp_path / "b.nii.gz").write_bytes(plain(volume))
    assert not nifti.read_volume(tmp_path / "b.nii.gz").is_plain
