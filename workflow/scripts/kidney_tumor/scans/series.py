"""Choosing the one CT series among the DICOM files of a folder, by their headers."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import groupby, zip_longest
from os.path import commonpath
from pathlib import Path

import numpy as np

from kidney_tumor.errors import UserError
from kidney_tumor.scans.headers import Item, Slice
from kidney_tumor.scans.pixels import read_frames
from kidney_tumor.scans.refusals import refuse

LISTED = 5
"""The most series that a message lists."""


def choose_series(folder: Path, items: Sequence[Item]) -> tuple[list[Slice], list[str]]:
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
        return "give one of these folders in its place"
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


def drop_copies(slices: Sequence[Slice]) -> tuple[list[Slice], int]:
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

    kept: dict[tuple[float, ...], list[Slice]] = {}
    for one in slices:
        place = one.numbers.get("ImagePositionPatient", np.zeros(0))
        alike = kept.setdefault((one.frame, *place.round(2)), [])
        if not any(is_copy(one, other) for other in alike):
            alike.append(one)
    found = [one for alike in kept.values() for one in alike]
    return found, len(slices) - len(found)
