"""The tumor candidates of a segmentation, and why each is kept or removed."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kidney_tumor.files import write_atomically
from kidney_tumor.filter.postprocessing import OUTCOMES, Filtered
from kidney_tumor.volumes.masks import Spacing

COLUMNS = ("component", "voxels", "ml", "slice", "row", "column", "ratio", "inside", "verdict")
REASONS = {"large": "too small", "shaped": "ratio out of range", "inside": "too little inside the kidney mask"}
"""The reason that is given for a component that fails a constraint; one without words is given by its name."""


def judge(tumor: Any) -> str:
    """Say whether a component, a record of `Filtered.tests`, is kept, or why it is removed."""
    if tumor["rescued"]:
        return "kept: none passes, and this is nearest"
    if tumor["kept"]:
        return "kept"
    failed = [name for name in list_constraints(tumor) if not tumor[name]]
    reasons = ", ".join(REASONS.get(name, f"not {name}") for name in failed)
    return f"removed: {reasons}" if reasons else "removed"


def list_constraints(tests: Any) -> list[str]:
    """List the constraints for which `Filtered.tests`, or a record of it, has a verdict."""
    return [name for name in tests.dtype.names if tests.dtype[name].kind == "b" and name not in OUTCOMES]


def list_candidates(filtered: Filtered, spacing: Spacing) -> Iterator[tuple[Any, ...]]:
    """List the tumor components of a case, the largest first, in the columns of `COLUMNS`.

    Each has its number in the order of the volume, its volume in voxels and mL, the slice, row and column of its
    center, its eigenvalue ratio, its share inside the kidney mask, and the verdict.
    """
    tumors, voxel_ml = filtered.tumors, spacing[0] * spacing[1] * spacing[2] / 1000
    length = tumors.runs.length
    first, row, column = tumors.runs.locate_starts()
    centers = [
        tumors.sum_by_component(axis * length) / tumors.voxels for axis in (first + (length - 1) / 2, row, column)
    ]
    for number in (-tumors.voxels).argsort(kind="stable"):
        test = filtered.tests[number]
        place = (f"{center[number]:.1f}" for center in centers)
        sizes = (test.voxels, f"{test.voxels * voxel_ml:.3f}")
        yield (number + 1, *sizes, *place, f"{test.ratio:.3f}", f"{test.overlap:.3f}", judge(test))


def write_candidates(path: Path, filtered: Filtered, spacing: Spacing) -> None:
    """Write the table of a case's tumor candidates; `spacing` is between slices, rows and columns in mm."""
    with write_atomically(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(list_candidates(filtered, spacing))
