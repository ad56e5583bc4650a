"""Putting the slices of a DICOM series in order: they must be one regular stack, by their headers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kidney_tumor.scans.headers import NEEDED, Slice, read_items
from kidney_tumor.scans.refusals import refuse, silence
from kidney_tumor.scans.series import choose_series, drop_copies
from kidney_tumor.volumes.grid import LPS_TO_RAS

ALIKE = ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient")
"""The attributes that all slices of a volume share."""
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
        slices, notes = choose_series(folder, read_items(folder))
        slices, copies = drop_copies(slices)
    if copies:
        notes.append(f"{copies} of its images {'are copies' if copies > 1 else 'is a copy'} of others and left out")
    return _stack_slices(folder, slices, notes)


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
    kind = texts["RescaleType"].upper()
    if kind not in ("HU", "HU_MOD", "US", "") and not kind.startswith("HOUNSFIELD"):  # US is unspecified
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
        places, widest = np.flatnonzero(is_first).tolist(), int(distances.argmax())
        beside = " and ".join(slices[place].path.name for place in places[widest : widest + 2])
        problems.append(
            f"has slices at varying distances, {varying}: slices are missing or displaced; the widest gap is between "
            f"{beside}"
        )
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
        for place in np.flatnonzero(~is_first).tolist()
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
