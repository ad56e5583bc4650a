"""A DICOM series becomes the volume that its headers describe, or is refused in one line that says why."""

import gzip
import math
import os
import re
import shutil
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from conftest import SHARED
from dicoms import locate_voxels, write_series

from kidney_tumor.cli import UserError
from kidney_tumor.data.dicom import convert_series
from kidney_tumor.data.scans import holds_dicom

REAL = SHARED / "real-ct"
TILT = math.radians(10)


def place(header, x, y, z):
    header.ImagePositionPatient = [x, y, z]


def assign(**values):
    """A change of all slices; a function of the slice's number gives the value of each."""

    def change(header, number):
        for name, value in values.items():
            setattr(header, name, value(number) if callable(value) else value)

    return change


def check_voxels(path, slices):
    """Look up each voxel of the slices at its place in the volume."""
    image = nib.load(path)
    volume = np.asarray(image.dataobj)
    assert volume.size == sum(header.Rows * header.Columns for header in slices)
    for header in slices:
        stored = np.frombuffer(header.PixelData, "<u2" if header.PixelRepresentation == 0 else "<i2")
        hu = stored.reshape(header.Rows, header.Columns) * float(header.RescaleSlope) + float(header.RescaleIntercept)
        indices = (locate_voxels(header) - image.affine[:3, 3]) @ np.linalg.inv(image.affine[:3, :3]).T
        np.testing.assert_allclose(indices, indices.round(), atol=0.005)
        np.testing.assert_array_equal(volume[tuple(np.moveaxis(indices.round().astype(int), -1, 0))], hu)
    return image


@pytest.mark.parametrize(
    "series",
    [
        pytest.param({}, id="supine"),
        pytest.param({"row": (-1, 0, 0), "column": (0, -1, 0)}, id="prone"),
        pytest.param({"row": (0, 1, 0), "column": (-1, 0, 0)}, id="on the left side"),
        pytest.param({"row": (0, -1, 0), "column": (1, 0, 0)}, id="on the right side"),
        pytest.param({"step": (0, 0, -3)}, id="from above"),
        pytest.param({"row": (-1, 0, 0)}, id="from below, feet first"),
        pytest.param({"row": (0, 1, 0), "column": (0, 0, -1), "step": (3, 0, 0)}, id="sagittal"),
        pytest.param({"row": (1, 0, 0), "column": (0, 0, -1), "step": (0, 3, 0)}, id="coronal"),
        pytest.param(
            {
                "column": (0, math.cos(TILT), math.sin(TILT)),
                "step": (0, -3 * math.sin(TILT), 3 * math.cos(TILT)),
            },
            id="oblique",
        ),
        pytest.param({"change": assign(InstanceNumber=lambda number: 6 - number)}, id="numbered backwards"),
        pytest.param({"change": assign(InstanceNumber=lambda number: (4, 1, 6, 2, 3, 5)[number])}, id="shuffled"),
        pytest.param({"change": assign(RescaleSlope=2, RescaleIntercept=-3000)}, id="slope 2"),
        pytest.param({"name": "IM{}"}, id="no suffix"),
        pytest.param({"slices": 2}, id="two slices"),
        pytest.param({"slices": 300, "shape": (64, 64), "step": (0, 0, 0.625)}, id="300 slices"),
    ],
)
def test_every_voxel_is_at_its_place(tmp_path, series):
    slices = write_series(tmp_path / "scan", **series)
    convert_series(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")
    image = check_voxels(tmp_path / "out" / "imaging.nii.gz", slices)
    assert image.get_data_dtype() == np.int16
    assert (image.dataobj.slope, image.dataobj.inter) == (1, 0)
    assert os.listdir(tmp_path / "out") == ["imaging.nii.gz"]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ({"RescaleSlope": 0.5}, np.float32),
        ({"RescaleSlope": 10}, np.float32),  # up to 39926
        ({"RescaleSlope": lambda number: 1 + number / 4}, np.float32),
        ({"PixelRepresentation": 1, "BitsStored": 16, "HighBit": 15}, np.int16),
        ({"BitsStored": 16, "HighBit": 15}, np.int16),
    ],
)
def test_values_are_hu(tmp_path, values, dtype):
    slices = write_series(tmp_path / "scan", change=assign(**values))
    convert_series(tmp_path / "scan", tmp_path / "imaging.nii.gz")
    assert check_voxels(tmp_path / "imaging.nii.gz", slices).get_data_dtype() == dtype


def test_a_small_jitter_does_not_add_up(tmp_path):
    """dcm2niix takes the first distance, 3.1 mm here, for all."""
    slices = write_series(
        tmp_path / "scan", 50, change=lambda header, number: number == 1 and place(header, -20, -30, -96.9)
    )
    convert_series(tmp_path / "scan", tmp_path / "imaging.nii.gz")
    image = nib.load(tmp_path / "imaging.nii.gz")
    np.testing.assert_allclose(image.affine @ [0, 0, 49, 1], [*locate_voxels(slices[-1])[0, 0], 1], atol=1e-4)


def refuse(folder, output):
    """Convert a series that is refused, and return the message."""
    output.parent.mkdir()
    with pytest.raises(UserError) as error:
        convert_series(folder, output)
    message = str(error.value)
    assert "\n" not in message
    assert str(folder) in message
    assert "ZEBRA" not in message
    assert "; " in message  # what to do
    assert os.listdir(output.parent) == []
    return message


ROTATED = [1, 0, 0, 0, 0, -1]


@pytest.mark.parametrize(
    ("series", "says"),
    [
        ({"change": lambda header, n: n > 2 and place(header, -20, -30, -100 + 3 * (n + 1))}, "from 3 to 6 mm: slices"),
        ({"change": lambda header, n: n == 3 and place(header, -20, -30, -94)}, "1 of 6 slices at the position of"),
        ({"change": lambda header, n: n == 3 and place(header, -15, -30, -91)}, "from 3 to 5.831 mm: .* displaced"),
        ({"change": lambda header, n: place(header, -20, -30, -100)}, "5 of 6 slices at the position of another"),
        ({"column": (0, math.cos(TILT), math.sin(TILT))}, "gantry tilted by 10.0 degrees"),
        ({"column": (0, math.cos(TILT / 20), math.sin(TILT / 20))}, "gantry tilted by 0.5 degrees"),
        ({"change": assign(ImageOrientationPatient=lambda n: ROTATED if n == 5 else [1, 0, 0, 0, 1, 0])}, "localizer"),
        ({"change": assign(PixelSpacing=lambda n: [0.8, 0.7 + n // 5])}, "mixes slices of different PixelSpacing"),
        ({"change": assign(ImageOrientationPatient=[1, 0, 0, 1, 0, 0])}, "not two perpendicular unit vectors"),
        ({"change": assign(Modality="MR")}, "is of MR; expected CT"),
        pytest.param(
            {"change": assign(Modality="ZEBRA^NAME")},
            "damaged DICOM header",
            marks=pytest.mark.filterwarnings("ignore:Invalid value for VR CS"),  # written for the test
        ),
        ({"change": assign(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])}, "0000.dcm is a localizer"),
        ({"change": assign(SamplesPerPixel=lambda n: 3 if n == 1 else 1)}, "0001.dcm holds colors"),
        ({"change": assign(NumberOfFrames=2)}, "several slices in one file"),
        ({"change": assign(RescaleType="Z_EFF")}, "values that are not HU"),
        ({"change": lambda header, n: n == 2 and header.pop("RescaleIntercept")}, "0002.dcm lacks RescaleIntercept"),
        ({"change": lambda header, n: n == 2 and header.pop("Modality")}, "0002.dcm lacks Modality"),
        ({"change": assign(PixelSpacing=[0.8, 0.7, 0.6])}, "damaged DICOM header"),
        ({"slices": 1}, "has 1 slice, which is no volume"),
        ({"slices": 0}, "holds no DICOM image"),
        ({"change": assign(PixelSpacing=[0.8, 0])}, "placed by dcm2niix elsewhere"),
        # dcm2niix reports these.
        ({"change": lambda header, n: n == 3 and place(header, -20, -30, -90.75)}, "`Interslice distance varies`"),
        ({"change": assign(StudyTime=lambda n: f"1122{n:02}")}, "`Slices not stacked: Study Date/Time`"),
        ({"change": assign(ProtocolName=lambda n: f"ZEBRA{n}")}, "`Slices not stacked: protocol name varies`"),
    ],
)
def test_faulty_series_is_refused(tmp_path, series, says):
    write_series(tmp_path / "scan", **series)
    assert re.search(says, refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz"))


def test_a_missing_file_is_a_gap(tmp_path):
    write_series(tmp_path / "scan")
    (tmp_path / "scan" / "0002.dcm").unlink()
    assert "varying distances, from 3 to 6 mm" in refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")


def test_series_are_listed(tmp_path):
    write_series(tmp_path / "scan" / "a", 3)
    write_series(tmp_path / "scan" / "b", 4, series=11)
    write_series(tmp_path / "scan" / "c", 1, series=12, change=assign(Modality="SR"))
    message = refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")
    assert "3 series: number 11 (4 of CT), number 12 (1 of SR), number 2 (3 of CT)" in message


@pytest.mark.parametrize("size", [-100, 800, 500, 300, 100, 0])
def test_a_cut_file_is_named(tmp_path, size):
    write_series(tmp_path / "scan")
    path = tmp_path / "scan" / "0005.dcm"
    path.write_bytes(path.read_bytes()[:size])
    assert str(path) in refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")


def test_a_changed_header_is_one_line(tmp_path, rng, capfd):
    write_series(tmp_path / "scan", 2)
    path = tmp_path / "scan" / "0001.dcm"
    content = path.read_bytes()
    for attempt in range(100):
        changed = bytearray(content)
        for where in rng.integers(132, content.index(b"\xe0\x7f\x10\x00"), 2):
            changed[where] = rng.integers(0, 256)
        path.write_bytes(changed)
        message = str(tmp_path)
        with warnings.catch_warnings(record=True) as printed:
            try:
                convert_series(tmp_path / "scan", tmp_path / f"{attempt}.nii.gz")
            except UserError as error:
                message = str(error)
        assert not printed  # pydicom's warnings repeat values of the header
        assert str(tmp_path) in message
        assert "\n" not in message
        assert "ZEBRA" not in message
    assert capfd.readouterr() == ("", "")


def test_what_is_no_slice_does_not_matter(tmp_path):
    slices = write_series(tmp_path / "scan" / "1" / "2" / "3" / "4" / "5" / "6" / "7")
    (tmp_path / "scan" / "notes.txt").write_text("hello")
    (tmp_path / "scan" / "._0001.dcm").write_text("hello")
    directory = pydicom.Dataset()
    directory.file_meta = pydicom.dataset.FileMetaDataset()
    directory.file_meta.MediaStorageSOPClassUID = pydicom.uid.MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    directory.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    directory.save_as(tmp_path / "scan" / "DICOMDIR", enforce_file_format=True)
    convert_series(tmp_path / "scan", tmp_path / "imaging.nii.gz")
    check_voxels(tmp_path / "imaging.nii.gz", slices)


def test_nothing_names_the_patient(tmp_path, capfd):
    write_series(tmp_path / "scan")
    convert_series(tmp_path / "scan", tmp_path / "imaging.nii.gz")
    header = nib.load(tmp_path / "imaging.nii.gz").header
    for name in ("descrip", "aux_file", "db_name", "intent_name"):
        assert header[name].item() == b""
    assert not header.extensions
    content = gzip.decompress((tmp_path / "imaging.nii.gz").read_bytes())
    assert b"ZEBRA" not in content
    assert b"1122" not in content[:352]  # the time of the scan
    assert capfd.readouterr() == ("", "")


def test_the_same_series_is_the_same_bytes(tmp_path, monkeypatch):
    write_series(tmp_path / "scan")
    convert_series(tmp_path / "scan", tmp_path / "a.nii.gz")
    monkeypatch.setattr("time.time", lambda: 0.0)
    write_series(tmp_path / "copy", name="{}.DCM")
    convert_series(tmp_path / "copy", tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize("name", ["-o", "two words", 'it\'s "quoted"', "50%p %n", "größe"])
def test_any_name_and_no_environment(tmp_path, monkeypatch, name):
    """Neither PATH nor the user's defaults of dcm2niix matter."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".dcm2nii.ini").write_text("isGZ=1\nisMaximize16BitRange=1\nisBIDS=1\nfilename=%n\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path)
    slices = write_series(Path(name))
    convert_series(Path(name), Path("out", name, f"{name}.nii.gz"))
    check_voxels(tmp_path / "out" / name / f"{name}.nii.gz", slices)
    assert os.listdir(tmp_path / "out" / name) == [f"{name}.nii.gz"]


def test_a_killed_attempt_does_not_matter(tmp_path):
    left = tmp_path / ".partial.imaging.nii.gz.dicom" / "slices"
    left.mkdir(parents=True)
    (left / "000000.dcm").write_text("left")
    slices = write_series(tmp_path / "scan")
    convert_series(tmp_path / "scan", tmp_path / "imaging.nii.gz")
    check_voxels(tmp_path / "imaging.nii.gz", slices)
    assert sorted(os.listdir(tmp_path)) == ["imaging.nii.gz", "scan"]


def test_a_full_disk_is_not_a_damaged_file(tmp_path, small_disk):
    disk, make_room = small_disk
    slices = write_series(tmp_path / "scan", shape=(200, 200))
    with pytest.raises(OSError, match=r"is the disk full\?"):
        convert_series(tmp_path / "scan", disk / "imaging.nii.gz")
    assert os.listdir(disk) == []
    make_room()
    convert_series(tmp_path / "scan", disk / "imaging.nii.gz")
    check_voxels(disk / "imaging.nii.gz", slices)


@pytest.mark.skipif(not REAL.exists(), reason="no real series here")
def test_a_real_compressed_series(tmp_path):
    convert_series(REAL / "dicom-series", tmp_path / "imaging.nii.gz")
    image = nib.load(tmp_path / "imaging.nii.gz")
    assert image.shape == (512, 512, 20)
    assert image.get_data_dtype() == np.int16
    lowest = min(REAL.joinpath("dicom-series").iterdir(), key=lambda path: locate_first(path)[2])
    np.testing.assert_allclose(image.affine[:3, 3], locate_first(lowest))
    np.testing.assert_allclose(np.abs(image.affine).max(axis=0)[:3], [0.9765625, 0.9765625, 2])
    for path in REAL.joinpath("dicom-series").iterdir():
        header = pydicom.dcmread(path, stop_before_pixels=True)
        hu = np.asarray(image.dataobj[..., round((locate_first(path)[2] - locate_first(lowest)[2]) / 2)])
        stored = (header.SmallestImagePixelValue, header.LargestImagePixelValue)
        assert (hu.min(), hu.max()) == (stored[0] - 1024, stored[1] - 1024)


def locate_first(path):
    """The place of a slice's first voxel in NIfTI's world."""
    return locate_voxels(pydicom.dcmread(path, stop_before_pixels=True))[0, 0]


@pytest.mark.skipif(not REAL.exists(), reason="no real series here")
def test_a_real_series_with_gaps(tmp_path):
    folder = tmp_path / "scan"
    shutil.copytree(REAL / "dicom-gapped", folder)
    assert "has 1 of 11 slices at the position of another" in refuse(folder, tmp_path / "out" / "imaging.nii.gz")
    (folder / "CT28.dcm").unlink()  # one of the two
    message = refuse(folder, tmp_path / "out 2" / "imaging.nii.gz")
    assert re.search(r"varying distances, from \S+ to \S+ mm: slices are missing", message)


def test_folders_that_hold_dicom(tmp_path):
    assert not holds_dicom(tmp_path / "missing")
    (tmp_path / ".hidden").mkdir()
    write_series(tmp_path / ".hidden", 1)
    (tmp_path / "imaging.nii.gz").write_bytes(bytes(200))
    (tmp_path / "short").write_bytes(b"DICM")
    os.mkfifo(tmp_path / "pipe")
    assert not holds_dicom(tmp_path)
    write_series(tmp_path / "a" / "b", 1, name="IM{}")
    assert holds_dicom(tmp_path)


def test_few_files_are_opened_to_find_dicom(tmp_path, monkeypatch):
    write_series(tmp_path / "scan", 3, name="z{}.dcm")
    for number in range(5):
        (tmp_path / "scan" / f"{number}.txt").write_text("hello")
    opened = []
    monkeypatch.setattr("kidney_tumor.data.scans.is_dicom", lambda path: opened.append(path.name) or True)
    assert holds_dicom(tmp_path)
    assert opened == ["z0.dcm"]
