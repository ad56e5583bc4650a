"""Reading a DICOM series: its headers are judged before a voxel is decoded.

No text of a header is repeated in an error, since it may name the patient: only a series' number and modality, and
numbers that describe the stack of slices.
"""

import re
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import MediaStorageDirectoryStorage

from kidney_tumor.cli import UserError
from kidney_tumor.data.scans import is_dicom

NEEDED = {
    "Rows": 1,
    "Columns": 1,
    "PixelSpacing": 2,
    "ImageOrientationPatient": 6,
    "ImagePositionPatient": 3,
    "RescaleSlope": 1,
    "RescaleIntercept": 1,
}
"""The attributes that each slice of a CT series must have, with the number of their values."""
ALIKE = ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient")
"""The attributes that all slices of a volume share."""
NUMBERS = NEEDED | {"SeriesNumber": 1, "SamplesPerPixel": 1, "NumberOfFrames": 1}
TEXTS = ("SeriesInstanceUID", "Modality", "ImageType", "RescaleType")
MODALITY = re.compile("[A-Z0-9_ ]{2,16}")
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
"""DICOM's axes point to the patient's left and back, those of NIfTI to the right and front."""
STRAY = 0.1
"""The part of the distance between two slices by which a slice may be away from its place in a regular stack."""
SAME = 0.01
"""The distance in mm below which two slices lie at one position."""
TILT = 0.1
"""The largest angle, in degrees, between the stack of slices and the slices' normal."""
EXPORT_AGAIN = "export the series again, complete and original, one file per slice"


@dataclass(frozen=True)
class Header:
    """What a DICOM file says of its slice.

    Attributes:
        path: The file.
        texts: The value of each attribute of `TEXTS`, empty if it is absent.
        numbers: The values of those attributes of `NUMBERS` that are present.
    """

    path: Path
    texts: dict[str, str]
    numbers: dict[str, np.ndarray]

    @property
    def series(self) -> tuple[str, str, str]:
        """The identifier of the series, its number and its modality."""
        number = f"{int(self.numbers['SeriesNumber'])}" if "SeriesNumber" in self.numbers else "unknown"
        return self.texts["SeriesInstanceUID"], number, self.texts["Modality"]


@dataclass(frozen=True)
class Stack:
    """The slices of a series in the order of their positions.

    Attributes:
        paths: The file of each slice.
        shape: The shape of the volume in voxels, (columns, rows, slices).
        affine: The 4 x 4 affine from voxel indices to mm, in NIfTI's world: right, front, up.
    """

    paths: list[Path]
    shape: tuple[int, int, int]
    affine: np.ndarray


def read_stack(folder: Path) -> Stack:
    """Read the headers of a DICOM series, check that it is one regular stack of CT slices, and put these in order.

    Raises:
        UserError: It is not, or a file is damaged; the message says why.
    """
    return _stack_slices(folder, _read_headers(folder))


def _read_headers(folder: Path) -> list[Header]:
    """Read the headers of all DICOM files of a folder, in the order of their names.

    Raises:
        UserError: There is no DICOM file, or one is cut or damaged.
    """
    headers = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.is_file():
            continue
        if is_dicom(path):
            headers += _read_header(path)
        elif path.suffix.lower() == ".dcm" or not path.stat().st_size:
            raise refuse(path, "is empty, cut or not a DICOM file", "take it out if it is no slice, else export again")
    if not headers:
        raise refuse(folder, "holds no DICOM image", "check the path, or export the series again")
    return headers


def _read_header(path: Path) -> list[Header]:
    """Read the header of a DICOM file; return nothing for a DICOMDIR, the list of files on a disc.

    Raises:
        UserError: The file is cut or damaged.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # pydicom's warnings repeat values of the header
            content = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[*TEXTS, *NUMBERS])
            texts = {name: str(content.get(name) or "") for name in TEXTS}
            values = {name: content.get(name) for name in NUMBERS}
            numbers = {name: np.array(value, float) for name, value in values.items() if value is not None}
            directory = content.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage
    except (OSError, MemoryError):
        raise
    except Exception:  # a damaged header makes pydicom raise errors of many types, whose texts repeat its values
        raise refuse(path, "has a damaged DICOM header") from None
    if directory:
        return []
    if not texts["Modality"]:
        raise refuse(path, "lacks Modality, or is cut before it")
    if texts["Modality"] == "CT" and "Rows" not in numbers:  # Rows come after what names the series
        raise refuse(path, "lacks Rows, or is cut before them")
    sound = all(value.size == NUMBERS[name] and np.isfinite(value).all() for name, value in numbers.items())
    if not sound or not MODALITY.fullmatch(texts["Modality"]):
        raise refuse(path, "has a damaged DICOM header")
    return [Header(path, texts, numbers)]


def _stack_slices(folder: Path, headers: list[Header]) -> Stack:
    """Check that the files of a folder are one regular stack of CT slices, and put them in order.

    Raises:
        UserError: They are not; the message says why.
    """
    series = Counter(header.series for header in headers)
    if len(series) > 1:
        listed = ", ".join(f"number {key[1]} ({count} of {key[2]})" for key, count in sorted(series.items()))
        raise refuse(folder, f"holds {len(series)} series: {listed}", "give each series a folder of its own")
    modality = headers[0].texts["Modality"]
    if modality != "CT":
        raise refuse(folder, f"is of {modality}; expected CT", "give the folder of a CT series")
    for header in headers:
        _check_slice(header)
    first = headers[0].numbers
    for name in ALIKE:
        if not all(np.allclose(header.numbers[name], first[name], rtol=0, atol=1e-4) for header in headers):
            raise refuse(folder, f"mixes slices of different {name}, as a localizer among them does")
    if len(headers) < 2:
        raise refuse(folder, "has 1 slice, which is no volume")

    along_row, along_column = first["ImageOrientationPatient"].reshape(2, 3)
    normal = np.cross(along_row, along_column)
    if not np.allclose([*map(np.linalg.norm, (along_row, along_column, normal))], 1, atol=1e-3):
        raise refuse(folder, "has an ImageOrientationPatient that is not two perpendicular unit vectors")
    headers = sorted(headers, key=lambda header: header.numbers["ImagePositionPatient"] @ normal)
    positions = np.array([header.numbers["ImagePositionPatient"] for header in headers])
    _check_positions(folder, positions, normal)

    between_rows, between_columns = first["PixelSpacing"]
    step = (positions[-1] - positions[0]) / (len(headers) - 1)
    affine = np.eye(4)
    axes = [along_row * between_columns, along_column * between_rows, step, positions[0]]
    affine[:3] = LPS_TO_RAS @ np.stack(axes, axis=1)
    return Stack([header.path for header in headers], (int(first["Columns"]), int(first["Rows"]), len(headers)), affine)


def _check_slice(header: Header) -> None:
    """Check that a file holds a slice with plain values in HU.

    Raises:
        UserError: It does not.
    """
    path, texts, numbers = header.path, header.texts, header.numbers
    if numbers.get("SamplesPerPixel", 1) != 1:
        raise refuse(path, "holds colors, such as a screenshot")
    if numbers.get("NumberOfFrames", 1) != 1:
        raise refuse(path, "holds several slices in one file (enhanced DICOM)")
    if "LOCALIZER" in texts["ImageType"]:
        raise refuse(path, "is a localizer (scout, topogram)", "take it out, or give the folder of another series")
    if texts["RescaleType"] not in ("HU", "HU_MOD", "US", ""):  # US is unspecified
        raise refuse(path, "has values that are not HU (its RescaleType is another)", "give the folder of a plain CT")
    if missing := [name for name in NEEDED if name not in numbers]:
        raise refuse(path, f"lacks {missing[0]}, or is cut before it")


def _check_positions(folder: Path, positions: np.ndarray, normal: np.ndarray) -> None:
    """Check that slices form a regular, straight stack.

    Args:
        folder: The folder of the series.
        positions: The position of each slice's first voxel in mm, shape (slices, 3), in order along the normal.
        normal: The unit vector on the slices.

    Raises:
        UserError: Slices share a position, the gantry was tilted, or the distance between slices varies.
    """
    is_first = np.append(True, np.diff(positions @ normal) >= SAME)
    problems = []
    if duplicates := int((~is_first).sum()):
        problems.append(f"has {duplicates} of {len(positions)} slices at the position of another")
    positions = positions[is_first]
    if len(positions) < 2:
        raise refuse(folder, problems[0])
    span = positions[-1] - positions[0]
    tilt = np.degrees(np.arccos(np.clip(span @ normal / np.linalg.norm(span), -1, 1)))
    distances = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    strays = np.linalg.norm(positions - np.linspace(positions[0], positions[-1], len(positions)), axis=1)
    if strays.max() > STRAY * np.median(distances):
        varying = f"from {distances.min():.4g} to {distances.max():.4g} mm"
        problems.append(f"has slices at varying distances, {varying}: slices are missing or displaced")
    if problems:
        raise refuse(folder, " and ".join(problems))
    if tilt > TILT:
        remedy = "export it again, resampled without tilt (the scanner's or the archive's reformatting does it)"
        raise refuse(folder, f"was taken with the gantry tilted by {tilt:.1f} degrees", remedy)


def refuse(path: Path, what: str, remedy: str = EXPORT_AGAIN) -> UserError:
    """Make the error for a series, or for a file of it, that is not converted."""
    return UserError(f"{path} {what}; {remedy}")
