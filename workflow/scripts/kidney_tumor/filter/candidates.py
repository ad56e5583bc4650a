"""The tumor candidates of a segmentation, and why each is kept or removed."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kidney_tumor.files import write_atomically
from kidney_tumor.filter.constraints import ON_COMPONENTS
from kidney_tumor.filter.postprocessing import Filtered

SHAPES = [constraint.measure for constraint in ON_COMPONENTS if constraint.measure != "voxels"]
"""The measures of a candidate beside its size."""
CANDIDATE_COLUMNS = ("component", "voxels", "ml", "slice", "row", "column", *SHAPES, "verdict")


def describe_verdict(tumor: Any) -> str:
    """Say whether a component, a record of `Filtered.tests`, is kept, or why it is removed."""
    if tumor["rescued"]:
        return "kept: none passes, and this is nearest"
    if tumor["kept"]:
        return "kept"
    return f"removed: {', '.join(one.reason for one in ON_COMPONENTS if not tumor[one.verdict])}"


def list_candidates(filtered: Filtered) -> Iterator[tuple[Any, ...]]:
    """List the tumor components of a case, the largest first, in the columns of `CANDIDATE_COLUMNS`.

    Each has its number in the order of the volume, its volume in voxels and mL, the slice, row and column of its
    center, what the constraints measure, and the verdict.
    """
    tumors, voxel_ml = filtered.tumors, float(np.prod(filtered.spacing)) / 1000
    length = tumors.runs.length
    first, row, column = tumors.runs.locate_starts()
    centers = [
        tumors.sum_by_component(axis * length) / tumors.voxels for axis in (first + (length - 1) / 2, row, column)
    ]
    for number in (-tumors.voxels).argsort(kind="stable"):
        test = filtered.tests[number]
        place = (f"{center[number]:.1f}" for center in centers)
        sizes = (test.voxels, f"{test.voxels * voxel_ml:.3f}")
        yield (number + 1, *sizes, *place, *(f"{test[shape]:.3f}" for shape in SHAPES), describe_verdict(test))


def write_candidates(path: Path, filtered: Filtered) -> None:
    """Write the table of a case's tumor candidates."""
    with write_atomically(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(CANDIDATE_COLUMNS)
        writer.writerows(list_candidates(filtered))
