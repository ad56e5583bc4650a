"""DICOM series for tests, written with pydicom; every text in their headers that may name a patient says ZEBRA."""

import os
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import gdcm
import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian

from kidney_tumor.errors import UserError
from kidney_tumor.scans.dicom import convert_series

COLUMNS, ROWS = 16, 20
PIXEL_SPACING = (0.8, 0.7)
"""The distance between rows and that between columns, in mm."""
INTERCEPT = -1024

NAMES = {
    "PatientName": "ZEBRA^NAME",
    "PatientID": "ZEBRA1",
    "PatientComments": "ZEBRA2",
    "StudyID": "ZEBRA3",
    "StudyDescription": "ZEBRA4",
    "SeriesDescription": "ZEBRA5",
    "ProtocolName": "ZEBRA6",
    "ImageComments": "ZEBRA7",
    "AccessionNumber": "ZEBRA8",
    "InstitutionName": "ZEBRA9",
}


def write_series(
    folder: Path,
    slices: int = 6,
    *,
    row: Sequence[float] = (1, 0, 0),
    column: Sequence[float] = (0, 1, 0),
    step: Sequence[float] = (0, 0, 3),
    shape: tuple[int, int] = (ROWS, COLUMNS),
    series: int = 2,
    name: str = "{:04}.dcm",
    change: Callable[[Dataset, int], object] = lambda header, number: None,
) -> list[Dataset]:
    """Write a CT series of random HU, one file per slice.

    Args:
        folder: The folder to write into.
        slices: The number of slices.
        row: The direction in which a row runs (the first half of ImageOrientationPatient).
        column: The direction in which a column runs.
        step: The way from a slice to the next in mm, in the patient's system (left, back, up).
        shape: The number of rows and columns.
        series: The number of the series.
        name: The pattern of the files' names.
        change: A function that changes the header of each slice before it is written.

    Returns:
        The slices as written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(series)
    written = []
    for number in range(slices):
        header = Dataset()
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.SOPClassUID = CTImageStorage
        header.SOPInstanceUID = f"1.2.3.{series}.{number + 1}"
        for attribute, value in NAMES.items():
            setattr(header, attribute, value)
        header.Modality, header.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        header.StudyDate, header.StudyTime, header.AcquisitionTime = "20200102", "112233", "112244"
        header.StudyInstanceUID, header.SeriesInstanceUID = "1.2.3", f"1.2.3.{series}"
        header.SeriesNumber, header.InstanceNumber = series, number + 1
        header.ImagePositionPatient = [
            round(start + number * way, 6) for start, way in zip((-20, -30, -100), step, strict=True)
        ]
        header.ImageOrientationPatient = [round(float(part), 9) for part in (*row, *column)]
        header.PixelSpacing, header.SliceThickness = list(PIXEL_SPACING), 3
        header.Rows, header.Columns = shape
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 12, 11, 0
        header.RescaleSlope, header.RescaleIntercept = 1, INTERCEPT
        header.PixelData = rng.integers(0, 4096, shape).astype("<u2").tobytes()
        change(header, number)
        header.save_as(folder / name.format(number), enforce_file_format=True)
        written.append(header)
    return written


def locate_voxels(header: Dataset) -> np.ndarray:
    """Compute the places of a slice's voxels in mm, shape (rows, columns, 3), in NIfTI's world: right, front, up.

    Source: DICOM PS3.3, equation C.7.6.2.1-1; DICOM's own axes point left, back and up.
    """
    between_rows, between_columns = header.PixelSpacing
    place = np.empty((header.Rows, header.Columns, 3))
    for axis in range(3):
        along_row = header.ImageOrientationPatient[axis] * between_columns * np.arange(header.Columns)
        along_column = header.ImageOrientationPatient[3 + axis] * between_rows * np.arange(header.Rows)
        place[..., axis] = header.ImagePositionPatient[axis] + along_row + along_column[:, None]
    return place * (-1, -1, 1)


def make_item(**values: object) -> list[Dataset]:
    """A sequence of one item."""
    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return [item]


def write_enhanced(
    path: Path,
    slices: Sequence[Dataset],
    *,
    shared: Sequence[str] = ("orientation", "measures", "values"),
    change: Callable[[Dataset], object] = lambda header: None,
    change_frame: Callable[[Dataset, int], object] = lambda groups, number: None,
    storage: str = EnhancedCTImageStorage,
) -> None:
    """Write slices as the frames of one Enhanced CT image, in their order (DICOM PS3.3, A.38).

    Args:
        path: The file to write.
        slices: The slices as `write_series` returns them.
        shared: The functional groups that all frames share, with the values of the first slice; each frame has its own
            others.
        change: A function that changes the whole header before it is written.
        change_frame: A function that changes the functional groups of each frame.
        storage: The class of the object.
    """
    header = deepcopy(slices[0])
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID, header.SOPInstanceUID, header.NumberOfFrames = storage, "1.2.3.99", len(slices)
    groups = {
        "orientation": lambda one: ("PlaneOrientation", {"ImageOrientationPatient": one.ImageOrientationPatient}),
        "measures": lambda one: ("PixelMeasures", {"PixelSpacing": one.PixelSpacing, "SliceThickness": 3}),
        "values": lambda one: (
            "PixelValueTransformation",
            {
                "RescaleSlope": one.RescaleSlope,
                "RescaleIntercept": one.RescaleIntercept,
                "RescaleType": "HU",
            },
        ),
    }
    common, frames = Dataset(), []
    for number, one in enumerate(slices):
        own = Dataset()
        own.PlanePositionSequence = make_item(ImagePositionPatient=one.ImagePositionPatient)
        own.FrameContentSequence = make_item(
            StackID="1", InStackPositionNumber=number + 1, DimensionIndexValues=[1, number + 1]
        )
        for name, describe in groups.items():
            macro, values = describe(one)
            setattr(common if name in shared else own, f"{macro}Sequence", make_item(**values))
        change_frame(own, number)
        frames.append(own)
    header.SharedFunctionalGroupsSequence, header.PerFrameFunctionalGroupsSequence = [common], frames
    header.DimensionIndexSequence = [
        *make_item(DimensionIndexPointer=0x00209056, FunctionalGroupPointer=0x00209111),  # StackID
        *make_item(DimensionIndexPointer=0x00209057, FunctionalGroupPointer=0x00209111),  # InStackPositionNumber
    ]
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(header, name)
    header.PixelData = b"".join(one.PixelData for one in slices)
    change(header)
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)


def encode_files(folder: Path, syntax: str) -> None:
    """Store the DICOM files of a folder in another transfer syntax, by pydicom or, where it cannot, by GDCM."""
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        uid = pydicom.uid.UID(syntax)
        if not uid.is_encapsulated:
            if uid == ExplicitVRBigEndian:
                header.PixelData = (
                    np.frombuffer(header.PixelData, f"<u{header.BitsAllocated // 8}").byteswap().tobytes()
                )
            plain = Dataset()
            for element in header:  # each is decoded
                plain.add(element)
            plain.file_meta, plain.file_meta.TransferSyntaxUID = header.file_meta, uid
            plain.save_as(path, enforce_file_format=True)
        elif uid == pydicom.uid.RLELossless:
            header.compress(uid, generate_instance_uid=False)
            header.save_as(path)
        else:
            reader = gdcm.ImageReader()
            reader.SetFileName(str(path))
            assert reader.Read()
            change = gdcm.ImageChangeTransferSyntax()
            change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
            change.SetInput(reader.GetImage())
            assert change.Change()
            writer = gdcm.ImageWriter()
            writer.SetFileName(str(path))
            writer.SetFile(reader.GetFile())
            writer.SetImage(change.GetOutput())
            assert writer.Write()
        assert pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID == syntax


def place(header, x, y, z):
    header.ImagePositionPatient = [x, y, z]


def assign(**values):
    """A change of all slices; a function of the slice's number gives the value of each."""

    def change(header, number):
        for name, value in values.items():
            setattr(header, name, value(number) if callable(value) else value)

    return change


def compute_hu(header):
    """The HU of a slice as it was written, by its own scale."""
    stored = np.frombuffer(header.PixelData, f"<{'ui'[header.PixelRepresentation]}{header.BitsAllocated // 8}")
    return stored.reshape(header.Rows, header.Columns) * float(header.RescaleSlope) + float(header.RescaleIntercept)


def check_voxels(path, slices, compute_hu=compute_hu, away=0.005):
    """Look up each voxel of the slices at its place in the volume, to a part of a voxel."""
    image = nib.load(path)
    volume = np.asarray(image.dataobj)
    assert volume.size == sum(header.Rows * header.Columns for header in slices)
    for header in slices:
        hu = compute_hu(header)
        indices = (locate_voxels(header) - image.affine[:3, 3]) @ np.linalg.inv(image.affine[:3, :3]).T
        np.testing.assert_allclose(indices, indices.round(), atol=away)
        np.testing.assert_array_equal(volume[tuple(np.moveaxis(indices.round().astype(int), -1, 0))], hu)
    return image


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


def convert(tmp_path, folder="scan"):
    return convert_series(tmp_path / folder, tmp_path / "imaging.nii.gz")
