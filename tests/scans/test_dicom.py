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
from helpers.dicoms import assign, check_voxels, convert, encode_files, locate_voxels, place, refuse, write_series

from kidney_tumor.errors import UserError
from kidney_tumor.scans.dicom import convert_series
from kidney_tumor.scans.folder import holds_dicom

REAL = SHARED / "real-ct"


TILT = math.radians(10)


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
        pytest.param({"change": assign(RescaleType="Hounsfield units")}, id="HU in words"),
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
    """The first distance is 3.1 mm, but it is not that between all slices."""
    slices = write_series(
        tmp_path / "scan", 50, change=lambda header, number: number == 1 and place(header, -20, -30, -96.9)
    )
    convert_series(tmp_path / "scan", tmp_path / "imaging.nii.gz")
    image = nib.load(tmp_path / "imaging.nii.gz")
    np.testing.assert_allclose(image.affine @ [0, 0, 49, 1], [*locate_voxels(slices[-1])[0, 0], 1], atol=1e-4)


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
        ({"change": assign(PixelSpacing=[0.8, 0])}, "has a PixelSpacing of 0, which cannot be"),
        ({"change": assign(RescaleSlope=0)}, "has a RescaleSlope of 0, which cannot be"),
        ({"change": assign(PhotometricInterpretation="PALETTE COLOR")}, "0000.dcm holds colors"),
        ({"change": lambda header, n: n == 3 and place(header, -20, -30, -90.75)}, "from 2.75 to 3.25 mm: slices"),
        ({"change": lambda header, n: place(header, -20, -30, round(-100 + n * n / 4, 1))}, "varying distances"),
    ],
)
def test_faulty_series_is_refused(tmp_path, series, says):
    write_series(tmp_path / "scan", **series)
    assert re.search(says, refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz"))


def test_a_missing_file_is_a_gap(tmp_path):
    write_series(tmp_path / "scan")
    (tmp_path / "scan" / "0002.dcm").unlink()
    message = refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")
    assert "varying distances, from 3 to 6 mm: slices are missing or displaced" in message
    assert {"0001.dcm", "0003.dcm"} == set(re.findall(r"\d{4}\.dcm", message))
    assert list((tmp_path / "out").glob("*")) == []


def test_series_are_listed(tmp_path):
    write_series(tmp_path / "scan" / "a", 3)
    write_series(tmp_path / "scan" / "b", 4, series=11)
    write_series(tmp_path / "scan" / "c", 1, series=12, change=assign(Modality="SR"))
    message = refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")
    assert (
        "holds 2 CT series: number 2 (3 of CT, in a), number 11 (4 of CT, in b); give one of these folders" in message
    )
    (tmp_path / "scan" / "b" / "0000.dcm").rename(tmp_path / "scan" / "a" / "other.dcm")
    assert "give each series a folder of its own" in refuse(tmp_path / "scan", tmp_path / "out 2" / "imaging.nii.gz")


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"])
@pytest.mark.parametrize("size", [-100, 800, 500, 300, 100, 0])
def test_a_cut_file_is_named(tmp_path, size, syntax):
    write_series(tmp_path / "scan")
    encode_files(tmp_path / "scan", syntax)
    path = tmp_path / "scan" / "0005.dcm"
    path.write_bytes(path.read_bytes()[:size])
    message = refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")
    assert str(path) in message
    assert re.search(r"is cut|is empty, cut|damaged DICOM header", message)


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
def test_any_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    slices = write_series(Path(name))
    convert_series(Path(name), Path("out", name, f"{name}.nii.gz"))
    check_voxels(tmp_path / "out" / name / f"{name}.nii.gz", slices)
    assert os.listdir(tmp_path / "out" / name) == [f"{name}.nii.gz"]


def test_a_killed_attempt_does_not_matter(tmp_path):
    (tmp_path / ".partial.imaging.nii.gz").write_text("left")
    slices = write_series(tmp_path / "scan")
    convert_series(tmp_path / "scan", tmp_path / "imaging.nii.gz")
    check_voxels(tmp_path / "imaging.nii.gz", slices)
    assert sorted(os.listdir(tmp_path)) == ["imaging.nii.gz", "scan"]


def test_a_full_disk_is_not_a_damaged_file(tmp_path, small_disk):
    disk, make_room = small_disk
    slices = write_series(tmp_path / "scan", shape=(200, 200))
    with pytest.raises(OSError, match="No space left on device"):
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
    message = refuse(folder, tmp_path / "out" / "imaging.nii.gz")  # one of its 11 files is a copy of another
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
    monkeypatch.setattr("kidney_tumor.scans.folder.is_dicom", lambda path: opened.append(path.name) or True)
    assert holds_dicom(tmp_path)
    assert opened == ["z0.dcm"]


@pytest.mark.parametrize(
    "values",
    [
        {"StudyTime": lambda n: f"1122{n:02}", "StudyDate": lambda n: f"202001{n + 1:02}"},
        {"SeriesDescription": lambda n: f"abdomen {n}", "ProtocolName": lambda n: f"abdomen {n}"},
        {"ImageType": lambda n: ["ORIGINAL", "PRIMARY", "AXIAL", f"CT_SOM5 {n}"]},
        {"ImageType": lambda n: ["DERIVED" if n % 2 else "ORIGINAL", "SECONDARY"]},
        {"AcquisitionNumber": lambda n: 1 + n // 3, "InstanceNumber": lambda n: 1 + n % 3},
        {"SeriesNumber": lambda n: 2 + n // 3},
        {"Exposure": lambda n: 100 + n, "XRayTubeCurrent": lambda n: 200 + n, "KVP": lambda n: 80 + n},
        {"SliceThickness": lambda n: 1 + n, "SpacingBetweenSlices": 99, "SliceLocation": lambda n: -n},
        {"Manufacturer": "ZEBRA", "PatientPosition": "FFP", "GantryDetectorTilt": 20},
        {"InstanceNumber": 1},
        {"InstanceNumber": None},
        {"PhotometricInterpretation": "MONOCHROME1"},
    ],
)
def test_what_says_nothing_of_place_and_hu_may_vary(tmp_path, values):
    slices = write_series(tmp_path / "scan", change=assign(**values))
    assert convert(tmp_path) == []
    check_voxels(tmp_path / "imaging.nii.gz", slices)


@pytest.mark.parametrize(
    ("step", "unit", "slices"),
    [(0.75, 0.1, 24), (0.625, 0.1, 40), (0.5, 0.1, 30), (1.25, 0.5, 30), (2.5, 1, 30), (0.7, 0.05, 9)],
)
def test_rounded_positions_are_a_regular_stack_and_a_gap_is_still_one(tmp_path, step, unit, slices, rng):
    start = rng.uniform(-400, 0)

    def round_place(header, number):
        place(header, -20, -30, round(round((start + number * step) / unit) * unit, 3))

    written = write_series(tmp_path / "scan", slices, change=round_place)
    convert(tmp_path)
    check_voxels(tmp_path / "imaging.nii.gz", written, away=0.8 * unit / step)
    image = nib.load(tmp_path / "imaging.nii.gz")
    assert image.affine[2, 2] == pytest.approx(
        step, abs=2 * unit / slices**1.5
    )  # far less than the unit over the length
    (tmp_path / "scan" / f"{rng.integers(1, slices - 1):04}.dcm").unlink()
    assert "varying distances" in refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")


def test_rounded_oblique_positions(tmp_path, rng):
    normal = np.array([0, -math.sin(TILT), math.cos(TILT)])
    start = rng.uniform(-100, 100, 3)
    slices = write_series(
        tmp_path / "scan",
        60,
        column=(0, math.cos(TILT), math.sin(TILT)),
        change=lambda header, n: place(header, *(start + 0.75 * n * normal).round(1).tolist()),
    )
    convert(tmp_path)
    check_voxels(tmp_path / "imaging.nii.gz", slices, away=0.12)


@pytest.mark.parametrize("encoding", [(True, True), (False, True), (False, False)])
@pytest.mark.parametrize("name", ["{}", "{}.dcm", "IM.{}.img"])
def test_files_without_preamble(tmp_path, encoding, name):
    """A bare data set is recognized by its first elements; big endian has its bytes swapped."""
    slices = write_series(tmp_path / "whole")
    (tmp_path / "scan").mkdir()
    for number, path in enumerate(sorted((tmp_path / "whole").iterdir())):
        header = pydicom.dcmread(path)
        if not encoding[1]:
            header.PixelData = np.frombuffer(header.PixelData, "<u2").byteswap().tobytes()
        del header.file_meta, header.preamble
        implicit, little = encoding
        target = tmp_path / "scan" / name.format(number)
        pydicom.dcmwrite(target, header, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
        assert target.read_bytes()[128:132] != b"DICM"
    assert holds_dicom(tmp_path / "scan")
    convert(tmp_path)
    check_voxels(tmp_path / "imaging.nii.gz", slices)


def test_meta_information_without_preamble(tmp_path):
    slices = write_series(tmp_path / "scan")
    for number, path in enumerate(sorted((tmp_path / "scan").iterdir())):
        if number % 2:
            path.write_bytes(path.read_bytes()[132:])
    convert(tmp_path)
    check_voxels(tmp_path / "imaging.nii.gz", slices)


def test_no_random_file_is_dicom(tmp_path, rng):
    path = tmp_path / "file"
    contents = [
        bytes(400),
        b"\x08\x00" * 200,
        b"\x08\x00\x05\x00" + bytes(400),
        b"ISO_IR 100 CT 1.2.840.10008.5.1.4.1.1.2" * 9,
    ]
    contents += [rng.bytes(400) for _ in range(300)]
    contents += [b"\x08\x00\x16\x00" + rng.bytes(400) for _ in range(300)]
    contents += [b"\x08\x00\x16\x00UI\x10\x00" + rng.bytes(400) for _ in range(300)]
    for content in contents:
        path.write_bytes(content)
        assert not holds_dicom(tmp_path)


def test_phases_at_one_position_are_named(tmp_path):
    change = assign(
        ImagePositionPatient=lambda n: [-20, -30, 3 * (n % 3)], NominalPercentageOfCardiacPhase=lambda n: n // 3
    )
    write_series(tmp_path / "scan", change=change)
    message = refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")
    assert "3 of 6 slices at the position of another (they differ in NominalPercentageOfCardiacPhase)" in message


def screenshot(header, number):
    """A screenshot, as of a report of the dose, that says that it is CT."""
    header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    header.SamplesPerPixel, header.PhotometricInterpretation = 3, "RGB"
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(header, name)


def raw_data(header, number):
    """An object that is no image, as scanners keep beside one."""
    header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66"
    for name in ("Rows", "Columns", "ImagePositionPatient", "ImageOrientationPatient", "PixelData"):
        delattr(header, name)


def take_screenshot(header, number):
    """One that states CT as its class, and no place."""
    header.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    del header.ImagePositionPatient, header.ImageOrientationPatient


join_series = assign(SeriesInstanceUID="1.2.3.2", SeriesNumber=2)
"""A change that makes images some of the series beside which they lie."""


LOCALIZER = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}


@pytest.mark.parametrize(
    ("count", "change", "named"),
    [
        *[(1, assign(Modality=kind), f"1 {kind} (series 12)") for kind in ("SR", "PR", "SEG", "RTSTRUCT", "KO", "DOC")],
        (4, assign(Modality="PT"), "4 PT (series 12)"),
        (2, assign(**LOCALIZER), "2 CT localizer (series 12)"),
        (1, take_screenshot, "1 CT without a place, such as a screenshot (series 12)"),
        (2, lambda *one: (assign(**LOCALIZER)(*one), join_series(*one)), "2 CT localizer (series 2)"),
        (1, screenshot, "1 CT without a place, such as a screenshot (series 12)"),
        (
            2,
            lambda *one: (screenshot(*one), join_series(*one)),
            "2 CT without a place",
        ),
        (1, raw_data, "1 CT without a place"),
        (3, assign(ImagePositionPatient=[-20, -30, -90]), "3 CT (series 12)"),  # watching the contrast arrive
    ],
)
def test_what_lies_beside_the_ct_is_named(tmp_path, count, change, named):
    slices = write_series(tmp_path / "scan" / "study" / "thin")
    write_series(tmp_path / "scan" / "study" / "other", count, series=12, change=change)
    (note,) = convert(tmp_path)
    assert f"its CT is series 2; left out beside it: {named}" in note
    assert "ZEBRA" not in note
    check_voxels(tmp_path / "imaging.nii.gz", slices)


def test_files_of_one_image_are_read_once(tmp_path):
    slices = write_series(tmp_path / "scan" / "a")
    shutil.copytree(tmp_path / "scan" / "a", tmp_path / "scan" / "copy")
    encode_files(tmp_path / "scan" / "copy", "1.2.840.10008.1.2.5")
    assert convert(tmp_path) == ["6 of its images are copies of others and left out"]
    check_voxels(tmp_path / "imaging.nii.gz", slices)
    copy = pydicom.dcmread(tmp_path / "scan" / "a" / "0003.dcm")
    copy.PixelData = bytes(len(copy.PixelData))
    copy.save_as(tmp_path / "scan" / "a" / "0003.dcm")  # of the same identifier, but with other pixels
    assert "1 of 7 slices at the position of another" in refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")


def test_identifiers_of_images_do_not_matter(tmp_path):
    """Anonymizers give all slices one, or none, and leave their class out."""

    def change(header, number):
        header.file_meta.MediaStorageSOPClassUID, header.file_meta.MediaStorageSOPInstanceUID = (
            header.SOPClassUID,
            "1.2.3",
        )
        header.SOPInstanceUID, header.SOPClassUID = "1.2.3" if number % 2 else "", ""

    slices = write_series(tmp_path / "scan", change=change)
    convert(tmp_path)
    check_voxels(tmp_path / "imaging.nii.gz", slices)
