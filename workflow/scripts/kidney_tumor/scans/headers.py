"""Reading the headers of DICOM files, before a voxel is decoded.

No text of a header is repeated in an error, since it may name the patient: only a series' number and modality, names of
attributes, and numbers that describe the stack of slices.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from pydicom.datadict import keyword_for_tag
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    MediaStorageDirectoryStorage,
)

from kidney_tumor.scans.folder import is_dicom
from kidney_tumor.scans.refusals import refuse

CT_CLASSES = ("", CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
"""The classes of objects that hold CT images; some files leave theirs blank."""
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
NUMBERS = NEEDED | {"SeriesNumber": 1, "SamplesPerPixel": 1, "NumberOfFrames": 1}
TEXTS = ("SOPClassUID", "SeriesInstanceUID", "Modality", "ImageType", "RescaleType", "PhotometricInterpretation")
DISTINCTIONS = (
    "TemporalPositionIndex",
    "TemporalPositionIdentifier",
    "NominalPercentageOfCardiacPhase",
    "AcquisitionNumber",
    "KVP",
    "ConvolutionKernel",
)
"""Attributes by which images at one position may differ: times, phases, energies, reconstructions."""
GROUPS = {
    "PixelMeasuresSequence": ("PixelSpacing",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "CTImageFrameTypeSequence": ("FrameType",),
    "FrameContentSequence": ("StackID", "TemporalPositionIndex", "DimensionIndexValues"),
    "CardiacSynchronizationSequence": ("NominalPercentageOfCardiacPhase",),
    "CTReconstructionSequence": ("ConvolutionKernel",),
}
"""The functional groups of a file of several frames, shared or of each frame, and what is read from them."""
PLACES = {"StackID", "InStackPositionNumber", "ImagePositionPatient", "FrameContentSequence", "PlanePositionSequence"}
"""The dimensions of a file of several frames that are no more than a frame's place."""
MODALITY = re.compile("[A-Z0-9_ ]{2,16}")


@dataclass(frozen=True)
class Slice:
    """What a DICOM file says of one image, itself or one of its frames.

    Attributes:
        path: The file.
        frame: The number of the frame, counted from 0.
        texts: The value of each attribute of `TEXTS`, empty if it is absent.
        numbers: The values of those attributes of `NUMBERS` that are present.
        stack: The name of its stack in its file; empty outside of files with several frames.
        distinctions: What may tell it from others at its position, by the attribute's name.
    """

    path: Path
    frame: int
    texts: Mapping[str, str]
    numbers: Mapping[str, np.ndarray]
    stack: str = ""
    distinctions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_localizer(self) -> bool:
        """Whether it is a scout or topogram, which shows where slices lie."""
        return bool({"LOCALIZER", "SCOUT"} & set(re.findall("[A-Z]+", self.texts["ImageType"].upper())))

    @property
    def is_placed(self) -> bool:
        """Whether it is a CT image; screenshots and reports of dose state CT as their modality or class, too."""
        has_place = "ImagePositionPatient" in self.numbers or "ImageOrientationPatient" in self.numbers
        return has_place or (self.texts["SOPClassUID"] in CT_CLASSES and "SECONDARY" not in self.texts["ImageType"])


@dataclass(frozen=True)
class Item:
    """A DICOM file.

    Attributes:
        path: The file.
        texts: The value of each attribute of `TEXTS`, empty if it is absent.
        number: The number of its series, or `unknown`.
        slices: Its images; empty if it holds none, or is not of CT.
    """

    path: Path
    texts: Mapping[str, str]
    number: str
    slices: Sequence[Slice] = ()


def read_items(folder: Path) -> list[Item]:
    """Read the headers of all DICOM files of a folder, in the order of their names.

    Raises:
        UserError: There is no DICOM file, or one is cut or damaged.
    """
    items = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.is_file():
            continue
        if is_dicom(path):
            items += _read_item(path)
        elif path.suffix.lower() == ".dcm" or not path.stat().st_size:
            raise refuse(path, "is empty, cut or not a DICOM file", "take it out if it is no slice, else export again")
    if not items:
        raise refuse(folder, "holds no DICOM image", "check the path, or export the series again")
    return items


def _read_item(path: Path) -> list[Item]:
    """Read the header of a DICOM file; return nothing for a DICOMDIR, the list of files on a disc.

    Raises:
        UserError: The file is cut or damaged.
    """
    frames = ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "DimensionIndexSequence"]
    try:
        content = pydicom.dcmread(
            path, stop_before_pixels=True, force=True, specific_tags=[*TEXTS, *NUMBERS, *DISTINCTIONS, *frames]
        )
        if content.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
            return []
        texts = _get_texts(content)
        number = "unknown" if content.get("SeriesNumber") is None else f"{int(content.SeriesNumber)}"
        slices = _read_slices(path, content, texts) if texts["Modality"] == "CT" and "Rows" in content else []
    except (OSError, MemoryError):
        raise
    except (
        Exception
    ) as error:  # a damaged header makes pydicom raise errors of many types, whose texts repeat its values
        raise refuse(path, f"has a damaged DICOM header (pydicom raises {type(error).__name__})") from None
    if not texts["Modality"]:
        raise refuse(path, "lacks Modality, or is cut before it")
    if not MODALITY.fullmatch(texts["Modality"]):
        raise refuse(path, "has a damaged DICOM header (its Modality is none)")
    if texts["Modality"] == "CT" and texts["SOPClassUID"] in CT_CLASSES and not slices:  # Rows come after the class
        raise refuse(path, "lacks Rows, or is cut before them")
    for one in slices:
        for name, value in one.numbers.items():
            if value.size != NUMBERS[name] or not np.isfinite(value).all():
                raise refuse(path, f"has a damaged DICOM header (its {name} is none)")
    return [Item(path, texts, number, slices)]


def _get_texts(content: pydicom.Dataset) -> dict[str, str]:
    """Get the attributes of `TEXTS` from a header."""
    return {name: str(content.get(name) or "").strip() for name in TEXTS}


def _get_numbers(content: pydicom.Dataset) -> dict[str, np.ndarray]:
    """Get those attributes of `NUMBERS` that a header, or a functional group, has."""
    values = {name: content.get(name) for name in NUMBERS}
    return {name: np.array(value, float) for name, value in values.items() if value is not None}


def _get_distinctions(content: pydicom.Dataset) -> dict[str, str]:
    """Get those attributes of `DISTINCTIONS` that a header, or a functional group, has."""
    return {name: str(content.get(name)) for name in DISTINCTIONS if content.get(name) is not None}


def _read_slices(path: Path, content: pydicom.Dataset, texts: Mapping[str, str]) -> list[Slice]:
    """Read what a header says of its image, or of each of its frames."""
    numbers, distinctions = _get_numbers(content), _get_distinctions(content)
    per_frame = content.get("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        return [Slice(path, 0, texts, numbers, distinctions=distinctions)]
    shared = (content.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()])[0]
    pointers = [item.get("DimensionIndexPointer") for item in content.get("DimensionIndexSequence") or ()]
    dimensions = [keyword_for_tag(pointer) or f"dimension {place}" for place, pointer in enumerate(pointers, 1)]
    common = _read_groups(shared, GROUPS)
    if numbers.get("NumberOfFrames") == len(per_frame):
        del numbers["NumberOfFrames"]  # each is a slice of its own
    slices = []
    for number, groups in enumerate(per_frame):
        own = pydicom.Dataset()
        own.update(common)
        own.update(_read_groups(groups, GROUPS))
        of_frame = {name: value for name, value in _get_texts(own).items() if value}
        if "FrameType" in own:
            of_frame["ImageType"] = str(own.FrameType)
        indices = own.get("DimensionIndexValues")
        indices = [] if indices is None else np.atleast_1d(indices).tolist()
        along = {name: str(index) for name, index in zip(dimensions, indices, strict=False) if name not in PLACES}
        slices.append(
            Slice(
                path,
                number,
                {**texts, **of_frame},
                {**numbers, **_get_numbers(own)},
                str(own.get("StackID") or ""),
                {**distinctions, **along, **_get_distinctions(own)},
            )
        )
    return slices


def _read_groups(item: pydicom.Dataset, groups: Mapping[str, Iterable[str]]) -> pydicom.Dataset:
    """Collect the attributes that the functional groups of an item have."""
    found = pydicom.Dataset()
    for sequence, names in groups.items():
        for macro in item.get(sequence) or ():
            for name in names:
                if name in macro:
                    found[name] = macro[name]
    return found
