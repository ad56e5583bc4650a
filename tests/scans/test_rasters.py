"""Volumes of 3D Slicer and ITK become the NIfTI volumes that their headers describe, or are refused."""

import bz2
import gzip
import os
import re
import zlib

import nibabel as nib
import numpy as np
import pytest
from conftest import run_script

from kidney_tumor.errors import UserError
from kidney_tumor.scans import folder
from kidney_tumor.scans.folder import find_scans, list_files, list_ignored
from kidney_tumor.scans.rasters import convert_raster

SIZES = (5, 4, 3)
SPACING = (0.8, 0.7, 3.0)
ORIGIN = (-20.0, 30.0, -400.0)


def make_voxels(rng, kind="<i2", sizes=SIZES):
    return rng.integers(-1024, 2000, sizes).astype(kind)


def format_nrrd(changes=(), sizes=SIZES):
    """The fields of a NRRD header of axes to the patient's left, back and up; None takes one away."""
    fields = {
        "type": "short",
        "dimension": len(sizes),
        "space": "left-posterior-superior",
        "sizes": " ".join(map(str, sizes)),
        "space directions": "(0.8,0,0) (0,0.7,0) (0,0,3)",
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "raw",
        "space origin": "(-20,30,-400)",
    } | dict(changes)
    return "NRRD0005\n" + "".join(f"{name}: {value}\n" for name, value in fields.items() if value is not None) + "\n"


def format_metaimage(changes=(), sizes=SIZES):
    """The fields of a MetaImage header, of the same grid; None takes one away."""
    fields = {
        "ObjectType": "Image",
        "NDims": len(sizes),
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "-20 30 -400",
        "CenterOfRotation": "0 0 0",
        "ElementSpacing": "0.8 0.7 3",
        "DimSize": " ".join(map(str, sizes)),
        "ElementType": "MET_SHORT",
    } | dict(changes)
    fields = {"ElementDataFile": "LOCAL", **fields}
    last = fields.pop("ElementDataFile")
    lines = [f"{name} = {value}\n" for name, value in fields.items() if value is not None]
    return "".join([*lines, f"ElementDataFile = {last}\n"])


def write(path, header, voxels):
    content = voxels if isinstance(voxels, bytes) else voxels.tobytes(order="F")
    path.write_bytes(header.encode() + content)
    return path


def check(path, voxels, directions, origin=ORIGIN, signs=(-1, -1, 1)):
    """Look up each voxel at its place: origin + i, j, k steps in the file's world, which has these signs in NIfTI's."""
    image = nib.load(path)
    stored = np.asarray(image.dataobj)
    assert stored.size == voxels.size
    for index in np.ndindex(voxels.shape):
        place = np.array(signs) * (
            np.array(origin) + sum(i * np.array(step) for i, step in zip(index, directions, strict=True))
        )
        found = np.linalg.solve(image.affine, [*place, 1])[:3]
        np.testing.assert_allclose(found, found.round(), atol=1e-4)
        assert stored[tuple(found.round().astype(int))] == voxels[index]
    return image


STRAIGHT = np.diag(SPACING)


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1, 1)),
        ("LPS", (-1, -1, 1)),
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
    ],
)
def test_spaces_of_nrrd(tmp_path, rng, space, signs):
    voxels = make_voxels(rng)
    path = write(tmp_path / "a.nrrd", format_nrrd({"space": space}), voxels)
    convert_raster(path, tmp_path / "out.nii.gz")
    assert check(tmp_path / "out.nii.gz", voxels, STRAIGHT, signs=signs).get_data_dtype() == np.int16


def test_directions_of_nrrd(tmp_path, rng):
    """The axes may be in any order and direction, and slightly turned."""
    directions = np.array(
        [[0, 0, -3.0], [0.7 * np.cos(0.1), 0.7 * np.sin(0.1), 0], [0.8 * np.sin(0.1), -0.8 * np.cos(0.1), 0]]
    )
    text = " ".join(f"({','.join(map(str, step))})" for step in directions.tolist())
    voxels = make_voxels(rng)
    path = write(tmp_path / "a.nrrd", format_nrrd({"space directions": text}), voxels)
    convert_raster(path, tmp_path / "out.nii.gz")
    check(tmp_path / "out.nii.gz", voxels, directions)


@pytest.mark.parametrize(
    ("changes", "kind", "compress", "stored"),
    [
        ({"endian": "big"}, ">i2", bytes, np.int16),
        ({"encoding": "gzip"}, "<i2", gzip.compress, np.int16),
        ({"encoding": "gz", "endian": "big"}, ">i2", gzip.compress, np.int16),
        ({"encoding": "bzip2"}, "<i2", bz2.compress, np.int16),
        ({"encoding": "ascii"}, "<i2", None, np.int16),
        ({"type": "float"}, "<f4", bytes, np.float32),
        ({"type": "double"}, "<f8", bytes, np.float32),
        ({"type": "int"}, "<i4", bytes, np.int16),
        ({"type": "unsigned short"}, "<u2", bytes, np.float32),
        ({"kinds": None}, "<i2", bytes, np.int16),
        ({"kinds": "space space space", "space units": '"mm" "mm" "mm"', "content": "a: scan"}, "<i2", bytes, np.int16),
    ],
)
def test_encodings_of_nrrd(tmp_path, rng, changes, kind, compress, stored):
    voxels = make_voxels(rng, "<i2").astype(kind)
    content = voxels.tobytes(order="F")
    content = compress(content) if compress else " ".join(map(str, voxels.ravel(order="F"))).encode()
    path = write(tmp_path / "a.nrrd", format_nrrd(changes), content)
    convert_raster(path, tmp_path / "out.nii.gz")
    assert check(tmp_path / "out.nii.gz", voxels, STRAIGHT).get_data_dtype() == stored


@pytest.mark.parametrize("place", [0, 3])
def test_an_axis_of_one_value_does_not_matter(tmp_path, rng, place):
    kinds, directions, sizes = ["domain"] * 3, ["(0.8,0,0)", "(0,0.7,0)", "(0,0,3)"], [*SIZES]
    for values, more in ((kinds, "list"), (directions, "none"), (sizes, 1)):
        values.insert(place, more)
    changes = {"kinds": " ".join(kinds), "space directions": " ".join(directions)}
    voxels = make_voxels(rng)
    convert_raster(write(tmp_path / "a.nrrd", format_nrrd(changes, sizes), voxels), tmp_path / "out.nii.gz")
    check(tmp_path / "out.nii.gz", voxels, STRAIGHT)


MATRIX = np.array([[0, 1.0, 0], [-1, 0, 0], [0, 0, -1]])
"""The directions of the axes, one a row, of a volume whose first axis runs to the patient's back."""


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"TransformMatrix": " ".join(map(str, MATRIX.ravel()))},
        {
            "TransformMatrix": None,
            "Rotation": " ".join(map(str, MATRIX.ravel())),
            "Offset": None,
            "Origin": "-20 30 -400",
        },
        {
            "TransformMatrix": None,
            "Orientation": " ".join(map(str, MATRIX.ravel())),
            "Offset": None,
            "Position": "-20 30 -400",
        },
        {"AnatomicalOrientation": "LPI", "Comment": "a = b"},  # ITK does not read it either
        {"ElementSpacing": None, "ElementSize": "0.8 0.7 3", "CenterOfRotation": "9 9 9"},
        {"ElementToIntensityFunctionSlope": "1", "ElementToIntensityFunctionOffset": "0"},
    ],
)
def test_grids_of_metaimage(tmp_path, rng, changes):
    voxels = make_voxels(rng)
    path = write(tmp_path / "a.mha", format_metaimage(changes), voxels)
    convert_raster(path, tmp_path / "out.nii.gz")
    turned = any(str(value or "").startswith("0.0 1.0") for value in changes.values())
    check(tmp_path / "out.nii.gz", voxels, (MATRIX if turned else np.eye(3)) * np.array(SPACING)[:, None])


@pytest.mark.parametrize(
    ("changes", "kind", "compress", "stored"),
    [
        ({"BinaryDataByteOrderMSB": "True"}, ">i2", bytes, np.int16),
        ({"BinaryDataByteOrderMSB": None, "ElementByteOrderMSB": "True"}, ">i2", bytes, np.int16),
        ({"CompressedData": "True"}, "<i2", zlib.compress, np.int16),
        ({"CompressedData": "True", "CompressedDataSize": 99}, "<i2", zlib.compress, np.int16),
        ({"BinaryData": "False"}, "<i2", None, np.int16),
        ({"ElementType": "MET_FLOAT"}, "<f4", bytes, np.float32),
        ({"ElementType": "MET_DOUBLE"}, "<f8", bytes, np.float32),
        ({"ElementType": "MET_INT"}, "<i4", bytes, np.int16),
        ({"ElementType": "MET_LONG_LONG"}, "<i8", bytes, np.int16),
    ],
)
def test_encodings_of_metaimage(tmp_path, rng, changes, kind, compress, stored):
    voxels = make_voxels(rng, "<i2").astype(kind)
    content = voxels.tobytes(order="F")
    content = compress(content) if compress else " ".join(map(str, voxels.ravel(order="F"))).encode()
    path = write(tmp_path / "a.mha", format_metaimage(changes), content)
    convert_raster(path, tmp_path / "out.nii.gz")
    assert check(tmp_path / "out.nii.gz", voxels, STRAIGHT).get_data_dtype() == stored


@pytest.mark.parametrize(
    ("name", "header", "skipped"),
    [
        ("a.nhdr", format_nrrd({"data file": "voxels.raw"}), b""),
        ("a.nhdr", format_nrrd({"datafile": "voxels.raw", "byte skip": 7}), b"skipped"),
        ("a.nhdr", format_nrrd({"data file": "voxels.raw", "byte skip": -1}), b"skipped"),
        ("a.mhd", format_metaimage({"ElementDataFile": "voxels.raw"}), b""),
        ("a.mhd", format_metaimage({"ElementDataFile": "voxels.raw", "HeaderSize": 7}), b"skipped"),
        ("a.mhd", format_metaimage({"ElementDataFile": "voxels.raw", "HeaderSize": -1}), b"skipped"),
    ],
)
def test_voxels_in_a_file_of_their_own(tmp_path, rng, name, header, skipped):
    voxels = make_voxels(rng)
    folder = tmp_path / "scans"
    folder.mkdir()
    path = write(folder / name, header, b"")
    with pytest.raises(UserError, match=r"names the file of its voxels, voxels\.raw, which is missing"):
        convert_raster(path, tmp_path / "out.nii.gz")
    write(folder / "voxels.raw", "", skipped + voxels.tobytes(order="F"))
    (folder / "notes.txt").write_text("hello")
    convert_raster(path, tmp_path / "out.nii.gz")
    check(tmp_path / "out.nii.gz", voxels, STRAIGHT)
    assert find_scans([folder]) == ({"a": path}, {})
    assert list_files(path) == [str(path), str(folder / "voxels.raw")]  # either makes the scan another one
    assert list_ignored(folder) == ["notes.txt"]


@pytest.mark.parametrize(
    ("name", "header", "says"),
    [
        ("a.nrrd", format_nrrd({"space": None, "space dimension": 3}), "which way its axes point"),
        ("a.nrrd", format_nrrd({"space": "scanner-xyz"}), "which way its axes point"),
        (
            "a.nrrd",
            format_nrrd({"space": None, "space directions": None, "space origin": None, "spacings": "0.8 0.7 3"}),
            "which way its axes point",
        ),
        ("a.nrrd", format_nrrd({"space directions": None}), "lacks space directions or space origin"),
        ("a.nrrd", format_nrrd({"space origin": None}), "lacks space directions or space origin"),
        ("a.nrrd", format_nrrd({"space units": '"cm" "cm" "cm"'}), "another unit than mm"),
        ("a.nrrd", format_nrrd({"kinds": "vector domain domain"}), "holds 5 x 4 x 3 values of the kinds vector"),
        ("a.nrrd", format_nrrd({"kinds": "domain domain time"}), "of the kinds domain domain time"),
        ("a.nrrd", format_nrrd({"kinds": None}, (5, 12)), "holds 5 x 12 values; expected three axes in space"),
        (
            "a.nrrd",
            format_nrrd(
                {"kinds": "list domain domain domain", "space directions": "none (1,0,0) (0,1,0) (0,0,1)"}, (2, 5, 3, 2)
            ),
            "holds 2 x 5 x 3 x 2 values of the kinds list domain domain domain",
        ),
        ("a.nrrd", format_nrrd({"space directions": "(0.8,0,0) (0,0.7,0) (0,0.6,0)"}), "singular"),
        ("a.nrrd", format_nrrd({"old min": -1000, "old max": 3000}), "quantized"),
        ("a.nrrd", format_nrrd({"type": "block"}), "blocks of bytes"),
        ("a.nrrd", format_nrrd({"encoding": "zrl"}), "Unsupported encoding: zrl"),
        ("a.nrrd", format_nrrd({"sizes": "5 4 4"}), "not those of its voxels (Size of the data does not equal"),
        ("a.nrrd", "hello\n", "cannot be read (Invalid NRRD magic line"),
        ("a.nhdr", format_nrrd({"data file": "LIST"}) + "a.raw\n", "its voxels in several files"),
        ("a.nhdr", format_nrrd({"data file": "a%03d.raw 1 3 1"}), "its voxels in several files"),
        ("a.mha", format_metaimage({"TransformMatrix": None}), "(it lacks TransformMatrix)"),
        ("a.mha", format_metaimage({"ElementSpacing": None}), "(it lacks ElementSpacing)"),
        ("a.mha", format_metaimage({"Offset": None}), "(it lacks Offset)"),
        ("a.mha", format_metaimage({"ElementNumberOfChannels": 3}), "holds 5 x 4 x 3 voxels of 3 values"),
        ("a.mha", format_metaimage(sizes=(5, 12)), "holds 5 x 12 voxels of 1 values; expected three axes"),
        ("a.mha", format_metaimage(sizes=(5, 3, 2, 2)), "holds 5 x 3 x 2 x 2 voxels of 1 values; expected three axes"),
        ("a.mha", format_metaimage({"ElementType": "MET_SHORT_ARRAY"}), "expected plain numbers"),
        ("a.mha", format_metaimage({"ElementToIntensityFunctionSlope": "2"}), "states a scale for its values"),
        ("a.mha", format_metaimage({"DimSize": "5 4 4"}), "is cut: it has 120 of 160 bytes of voxels"),
        ("a.mha", "ObjectType = Image\nNDims", "is cut within its header, or no MetaImage"),
        ("a.mhd", format_metaimage({"ElementDataFile": "LIST"}) + "a.raw\n", "its voxels in several files"),
        ("a.mhd", format_metaimage({"ElementDataFile": "a%03d.raw 1 3 1"}), "its voxels in several files"),
    ],
)
def test_what_is_no_volume_in_its_place_is_refused(tmp_path, rng, name, header, says):
    path = write(tmp_path / name, header, make_voxels(rng))
    with pytest.raises(UserError) as error:
        convert_raster(path, tmp_path / "out.nii.gz")
    assert says in str(error.value)
    assert str(path) in str(error.value)
    assert re.search(r"; \w", str(error.value))  # what to do
    assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_cut_voxels_are_noticed(tmp_path, rng, share):
    voxels = make_voxels(rng).tobytes(order="F")
    for name, header, compress in (
        ("a.nrrd", format_nrrd({"encoding": "gzip"}), gzip.compress),
        ("a.mha", format_metaimage({"CompressedData": "True"}), zlib.compress),
    ):
        content = compress(voxels)
        path = write(tmp_path / name, header, content[: int(share * len(content))])
        with pytest.raises(UserError, match=r"is cut"):
            convert_raster(path, tmp_path / "out.nii.gz")


def test_the_same_volume_is_the_same_bytes(tmp_path, rng):
    voxels = make_voxels(rng)
    for name, header in (("a.nrrd", format_nrrd()), ("b.mha", format_metaimage())):
        convert_raster(write(tmp_path / name, header, voxels), tmp_path / f"{name}.nii.gz")
    assert (tmp_path / "a.nrrd.nii.gz").read_bytes() == (tmp_path / "b.mha.nii.gz").read_bytes()


@pytest.mark.parametrize(("name", "format_header"), [("a.nrrd", format_nrrd), ("a.mha", format_metaimage)])
def test_a_scan_is_read_by_the_script(tmp_path, rng, name, format_header):
    sizes = (12, 12, 5)
    voxels = make_voxels(rng, sizes=sizes)
    path = write(tmp_path / name, format_header(sizes=sizes), voxels)
    words = ["--scan", path, "--image", tmp_path / "a" / "imaging.nii.gz", "--size", 12, "--output", tmp_path / "a"]
    result = run_script("read_scan", *words)
    assert result.stdout == "a: 5 slices\n", result.stderr
    images = np.load(tmp_path / "a" / "images.npy")  # slices downwards, rows backwards, columns to the left
    np.testing.assert_array_equal(images, voxels.transpose(2, 1, 0)[::-1])
    path.write_bytes(path.read_bytes()[:-9])
    result = run_script("read_scan", *words)
    assert result.returncode == 0
    assert result.stderr.startswith(f"refused: {path} ")


def test_metaimage_with_a_fourth_axis_of_one_voxel(tmp_path, rng):
    voxels = make_voxels(rng)
    matrix = " ".join(str(int(row == column)) for row in range(4) for column in range(4))
    fourth = {"TransformMatrix": matrix, "Offset": "-20 30 -400 0", "ElementSpacing": "0.8 0.7 3 1"}
    path = write(tmp_path / "a.mha", format_metaimage(fourth, (*SIZES, 1)), voxels)
    convert_raster(path, tmp_path / "a.nii.gz")
    check(tmp_path / "a.nii.gz", voxels, np.diag([0.8, 0.7, 3]))


@pytest.mark.parametrize("space", ["lps", "LPS", "Left-Posterior-Superior"])
def test_the_space_of_nrrd_in_any_case(tmp_path, rng, space):
    voxels = make_voxels(rng)
    convert_raster(write(tmp_path / "a.nrrd", format_nrrd({"space": space}), voxels), tmp_path / "a.nii.gz")
    check(tmp_path / "a.nii.gz", voxels, np.diag([0.8, 0.7, 3]))


def test_the_fields_of_nrrd_in_any_case(tmp_path, rng):
    """As `most strings` of the format are (teem.sourceforge.net/nrrd/descformat.html), and as ITK reads them."""
    voxels = make_voxels(rng)
    header = (
        format_nrrd().replace("(0.8,0,0) (0,0.7,0) (0,0,3)", "%").title().replace("%", "(0.8,0,0) (0,0.7,0) (0,0,3)")
    )
    header = header.replace("Nrrd0005", "NRRD0005\n# Space: of a remark").replace("Endian: L", "ENDIAN: l")
    convert_raster(write(tmp_path / "a.nrrd", header, voxels), tmp_path / "a.nii.gz")
    check(tmp_path / "a.nii.gz", voxels, np.diag([0.8, 0.7, 3]))


def test_the_file_of_the_voxels_in_any_case_and_not_a_value_of_that_name(tmp_path):
    for line, found in (("Data File: a.raw", "a.raw"), ("datafile: a.raw", "a.raw"), ("data file:=a.raw", None)):
        (tmp_path / "a.nhdr").write_text(f"NRRD0005\n{line}\n\n")
        assert folder.find_detached(tmp_path / "a.nhdr") == (found and tmp_path / found)
