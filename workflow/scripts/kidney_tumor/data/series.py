"""Reading a DICOM series: its headers are judged before a voxel is decoded.

No text of a header is repeated in an error, since it may name the patient: only a series' number and modality, names of
attributes, and numbers that describe the stack of slices.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby, zip_longest
from os.path import commonpath
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

from kidney_tumor.cli import UserError
from kidney_tumor.data.pixels import read_frames, refuse, silence
from kidney_tumor.data.scans import is_dicom

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
ALIKE = ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient")
"""The attributes that all slices of a volume share."""
NUMBERS = NEEDED | {"SeriesNumber": 1, "SamplesPerPixel": 1, "NumberOfFrames": 1}
TEXTS = (
    "SOPClassUID",
    "SeriesInstanceUID",
    "Modality",
    "ImageType",
    "RescaleType",
    "PhotometricInterpretation",
)
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
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
"""DICOM's axes point to the patient's left and back, those of NIfTI to the right and front."""
STRAY = 0.1
"""The part of the distance between two slices by which a slice may be away from its place in a regular stack."""
STRAY_MM = 0.2
"""The most mm by which it may."""
UNITS = (1.0, 0.5, 0.1, 0.05, 0.01)
"""The units in mm to which files round positions."""
COARSEST = 0.45
"""The largest unit of rounded positions, as a part of the distance between slices, in which a gap can still be seen."""
SAME = 0.01
"""The distance in mm below which two slices lie at one position."""
TILT = 0.1
"""The largest angle, in degrees, between the stack of slices and the slices' normal."""
LISTED = 5
"""The most series that a message lists."""


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
        """Whether it is a CT image; screenshots and reports of dose, too, state CT as their modality."""
        return self.texts["SOPClassUID"] in CT_CLASSES or "ImagePositionPatient" in self.numbers


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


@dataclass(frozen=True)
class Stack:
    """The slices of a series in the order of their positions.

    Attributes:
        slices: The slices.
        shape: The shape of the volume in voxels, (columns, rows, slices).
        affine: The 4 x 4 affine from voxel indices to mm, in NIfTI's world: right, front, up.
        notes: What else lies in the folder and was left out, a sentence each.
    """

    slices: Sequence[Slice]
    shape: tuple[int, int, int]
    affine: np.ndarray
    notes: list[str]


def read_stack(folder: Path) -> Stack:
    """Read the headers of a folder, find its one CT series, check that it is one regular stack, and put it in order.

    Raises:
        UserError: There is none, or several, or it is not regular, or a file is damaged; the message says why.
    """
    with silence():
        slices, notes = _choose_series(folder, _read_items(folder))
        slices, copies = _drop_copies(slices)
    if copies:
        notes.append(f"{copies} of its images {'are copies' if copies > 1 else 'is a copy'} of others and left out")
    return _stack_slices(folder, slices, notes)


def _read_items(folder: Path) -> list[Item]:
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


def _choose_series(folder: Path, items: Sequence[Item]) -> tuple[list[Slice], list[str]]:
    """Choose the slices of the one CT series among the files of a folder.

    Returns:
        The slices, and a sentence that names what is left out, if anything is.

    Raises:
        UserError: There is no CT series, or several.
    """

    def identify(item: Item) -> tuple[str, str]:
        # A series has one identifier; where it is missing, its number stands for it.
        return item.texts["SeriesInstanceUID"] or item.number, item.texts["Modality"]

    series = [list(members) for _, members in groupby(sorted(items, key=identify), identify)]
    series.sort(key=lambda members: (len(members[0].number), members[0].number, str(members[0].path)))
    images = [
        [one for item in members for one in item.slices if one.is_placed and not one.is_localizer] for members in series
    ]
    volumes = [number for number, slices in enumerate(images) if _count_positions(slices) > 1]
    if len(volumes) > 1:
        listed = [_describe_series(series[number], folder) for number in volumes]
        raise refuse(folder, f"holds {len(volumes)} CT series: {_join(listed)}", _suggest(series, volumes, folder))
    candidates = volumes or [number for number, slices in enumerate(images) if slices]
    if len(candidates) != 1:
        raise _refuse_all(folder, series)
    chosen = candidates[0]
    used = {one.path for one in images[chosen]}
    left = Counter((item.number, _name_kind(item)) for item in items if item.path not in used)
    notes = []
    if left:
        listed = [f"{count} {kind} (series {number})" for (number, kind), count in sorted(left.items())]
        notes.append(f"its CT is series {series[chosen][0].number}; left out beside it: {_join(listed)}")
    return images[chosen], notes


def _count_positions(slices: Sequence[Slice]) -> int:
    """Count the positions at which slices of one orientation lie; one that states none counts as another."""
    absent = np.zeros(3)
    places = {
        tuple(
            tuple(one.numbers.get(name, absent).round(2))
            for name in ("ImageOrientationPatient", "ImagePositionPatient")
        )
        for one in slices
    }
    return max(Counter(orientation for orientation, _ in places).values(), default=0)


def _name_kind(item: Item) -> str:
    """Name what a file is, for a list: its modality, and that it is a localizer or no image in place."""
    modality = item.texts["Modality"]
    if modality != "CT":
        return modality
    if any(one.is_localizer for one in item.slices):
        return "CT localizer"
    return "CT" if any(one.is_placed for one in item.slices) else "CT without a place, such as a screenshot"


def _describe_series(members: Sequence[Item], folder: Path) -> str:
    """Describe a series by its number, its images and the folder in which they lie."""
    count = sum(len(item.slices) or 1 for item in members)
    where = _find_folder(members)
    place = "" if where == folder else f", in {where.relative_to(folder)}"
    return f"number {members[0].number} ({count} of {members[0].texts['Modality']}{place})"


def _find_folder(members: Sequence[Item]) -> Path:
    """Find the deepest folder that holds all files of a series."""
    return Path(commonpath([item.path.parent for item in members]))


def _suggest(series: Sequence[Sequence[Item]], volumes: Sequence[int], folder: Path) -> str:
    """Say what to do about several CT series: to give one's own folder, where each has one."""
    folders = [_find_folder(series[number]) for number in volumes]
    own = not any(a == b or a in b.parents for a in folders for b in folders if a is not b)
    if own and folder not in folders:
        return "put one of these folders into scans.root in its place"
    return "give each series a folder of its own"


def _join(listed: Sequence[str]) -> str:
    """Join the parts of a list, but not too many."""
    more = len(listed) - LISTED
    return ", ".join([*listed[:LISTED], *([f"and {more} others"] if more > 0 else [])])


def _refuse_all(folder: Path, series: Sequence[Sequence[Item]]) -> UserError:
    """Make the error for a folder in which no series is a volume."""
    items = [item for members in series for item in members]
    localizers = [one for item in items for one in item.slices if one.is_localizer]
    if len(series) == 1 and localizers:
        return refuse(localizers[0].path, "is a localizer (scout, topogram)", "give the folder of another series")
    if len(series) == 1 and items[0].slices:
        return refuse(items[0].path, "has no place in the patient, as a screenshot", "give the folder of a CT series")
    if len(series) == 1:
        return refuse(folder, f"is of {items[0].texts['Modality']}; expected CT", "give the folder of a CT series")
    listed = [_describe_series(members, folder) for members in series]
    return refuse(
        folder, f"holds {len(series)} series and none is a CT volume: {_join(listed)}", "give the folder of a CT series"
    )


def _drop_copies(slices: Sequence[Slice]) -> tuple[list[Slice], int]:
    """Leave out images that are copies of another: with the same geometry, scale and values, whatever they are called.

    Returns:
        The images without the copies, and the number of these.
    """

    @cache
    def have_same_pixels(path: Path, other: Path) -> bool:
        frames = zip_longest(read_frames(path), read_frames(other), fillvalue=(np.zeros(0), None))
        return all(np.array_equal(values, others) for (values, _), (others, _) in frames)

    def is_copy(one: Slice, other: Slice) -> bool:
        numbers, others = one.numbers, other.numbers
        same = numbers.keys() == others.keys() and all(np.array_equal(numbers[name], others[name]) for name in numbers)
        return same and one.path != other.path and have_same_pixels(other.path, one.path)

    kept: dict[tuple, list[Slice]] = {}
    for one in slices:
        place = one.numbers.get("ImagePositionPatient", np.zeros(0))
        alike = kept.setdefault((one.frame, *place.round(2)), [])
        if not any(is_copy(one, other) for other in alike):
            alike.append(one)
    found = [one for alike in kept.values() for one in alike]
    return found, len(slices) - len(found)


def _stack_slices(folder: Path, slices: Sequence[Slice], notes: list[str]) -> Stack:
    """Check that the slices of a folder are one regular stack of CT slices, and put them in order.

    Raises:
        UserError: They are not; the message says why.
    """
    for one in slices:
        _check_slice(one)
    _check_stacks(slices)
    first = slices[0].numbers
    for name in ALIKE:
        if not all(np.allclose(one.numbers[name], first[name], rtol=0, atol=1e-4) for one in slices):
            raise refuse(folder, f"mixes slices of different {name}, as a localizer among them does")
    if len(slices) < 2:
        raise refuse(folder, "has 1 slice, which is no volume")

    along_row, along_column = first["ImageOrientationPatient"].reshape(2, 3)
    normal = np.cross(along_row, along_column)
    if not np.allclose([*map(np.linalg.norm, (along_row, along_column, normal))], 1, atol=1e-3):
        raise refuse(folder, "has an ImageOrientationPatient that is not two perpendicular unit vectors")
    slices = sorted(slices, key=lambda one: float(one.numbers["ImagePositionPatient"] @ normal))
    positions = np.array([one.numbers["ImagePositionPatient"] for one in slices])
    start, step = _fit_positions(folder, slices, positions, normal)

    between_rows, between_columns = first["PixelSpacing"]
    affine = np.eye(4)
    axes = [along_row * between_columns, along_column * between_rows, step, start]
    affine[:3] = LPS_TO_RAS @ np.stack(axes, axis=1)
    return Stack(slices, (int(first["Columns"]), int(first["Rows"]), len(slices)), affine, notes)


def _check_slice(one: Slice) -> None:
    """Check that an image is a slice with plain values in HU.

    Raises:
        UserError: It is not.
    """
    path, texts, numbers = one.path, one.texts, one.numbers
    if numbers.get("SamplesPerPixel", 1) != 1 or texts["PhotometricInterpretation"] == "PALETTE COLOR":
        raise refuse(path, "holds colors, such as a screenshot")
    if numbers.get("NumberOfFrames", 1) != 1:
        raise refuse(path, "holds several slices in one file, but not the place of each", "export one file per slice")
    if texts["RescaleType"] not in ("HU", "HU_MOD", "US", ""):  # US is unspecified
        raise refuse(path, "has values that are not HU (its RescaleType is another)", "give the folder of a plain CT")
    if missing := [name for name in NEEDED if name not in numbers]:
        raise refuse(path, f"lacks {missing[0]}, or is cut before it")
    if not numbers["RescaleSlope"].all() or not (numbers["PixelSpacing"] > 0).all():
        name = "PixelSpacing" if numbers["RescaleSlope"].all() else "RescaleSlope"
        raise refuse(path, f"has a {name} of {numbers[name].min():g}, which cannot be")


def _check_stacks(slices: Sequence[Slice]) -> None:
    """Check that no file of several frames holds several stacks of them.

    Raises:
        UserError: One does.
    """
    stacks = Counter((one.path, one.stack) for one in slices)
    by_file = Counter(path for path, _ in stacks)
    for path, count in by_file.items():
        if count > 1 and max(size for (holder, _), size in stacks.items() if holder == path) > 1:
            raise refuse(path, f"holds {count} stacks of slices", "export each stack as a series of its own")


def _fit_positions(
    folder: Path, slices: Sequence[Slice], positions: np.ndarray, normal: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Check that slices form a regular, straight stack, and compute where it starts and the step from slice to slice.

    These lead from the first position to the last, unless positions are rounded, and then to all as near as can be.

    Args:
        folder: The folder of the series.
        slices: The slices, in order along the normal.
        positions: The position of each slice's first voxel in mm, shape (slices, 3), in the same order.
        normal: The unit vector on the slices.

    Returns:
        The place of the first slice and the step, in mm, shape (3,) each.

    Raises:
        UserError: Slices share a position, the gantry was tilted, or the distance between slices varies.
    """
    is_first = np.append(True, np.diff(positions @ normal) >= SAME)
    problems = []
    if duplicates := int((~is_first).sum()):
        problems.append(
            f"has {duplicates} of {len(positions)} slices at the position of another{_tell_apart(slices, is_first)}"
        )
    positions = positions[is_first]
    if len(positions) < 2:
        raise refuse(folder, problems[0])
    span = positions[-1] - positions[0]
    steps = np.diff(positions, axis=0)
    distances = np.linalg.norm(steps, axis=1)
    numbers = np.arange(len(positions))
    step, start = np.polyfit(numbers, positions, 1)
    strays = positions - (start + numbers[:, None] * step)
    unit = _find_unit(positions) if np.abs(strays).max() > SAME / 2 else 0.0
    is_near = np.linalg.norm(strays, axis=1).max() <= min(STRAY * np.median(distances), STRAY_MM)
    uneven = np.abs(steps - span / len(steps)).max()
    is_rounded = np.abs(strays).max() < 0.8 * unit and uneven < (1.01 + 1 / len(steps)) * unit
    if not is_near and not is_rounded:
        varying = f"from {distances.min():.4g} to {distances.max():.4g} mm"
        problems.append(f"has slices at varying distances, {varying}: slices are missing or displaced")
    if problems:
        raise refuse(folder, " and ".join(problems))
    aside = np.linalg.norm(span - (span @ normal) * normal)
    tilt = np.degrees(np.arctan2(aside, span @ normal))
    if tilt > TILT and aside > np.sqrt(3) * unit:
        or_rounded = ", or its positions are rounded" if aside < STRAY_MM else ""
        remedy = "export it again, resampled without tilt (the scanner's or the archive's reformatting does it)"
        raise refuse(folder, f"was taken with the gantry tilted by {tilt:.1f} degrees{or_rounded}", remedy)
    return (start, step) if is_rounded else (positions[0], span / len(steps))


def _tell_apart(slices: Sequence[Slice], is_first: np.ndarray) -> str:
    """Say by which attributes slices at one position differ: times, phases, energies or reconstructions."""
    names = {
        name
        for place in np.flatnonzero(~is_first)
        for name, value in slices[place].distinctions.items()
        if slices[place - 1].distinctions.get(name, value) != value
    }
    return f" (they differ in {', '.join(sorted(names))})" if names else ""


def _find_unit(positions: np.ndarray) -> float:
    """Find the unit in mm to which positions, shape (slices, 3), are rounded; 0 if it could hide a gap.

    Where a coordinate does not change along the stack, it says nothing of the rounding of the others.
    """
    changing = positions[:, np.ptp(positions, axis=0) > SAME]
    step = np.linalg.norm(positions[-1] - positions[0]) / (len(positions) - 1)
    for unit in UNITS:
        if np.allclose(changing / unit, np.round(changing / unit), rtol=0, atol=1e-4):
            return unit if unit <= COARSEST * step and len(positions) > 4 else 0.0
    return 0.0
