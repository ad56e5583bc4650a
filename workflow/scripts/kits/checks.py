"""What can be known of a cohort without decompressing an image."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kits.cli import UserError, atomic
from kits.nifti import read_geometry, read_label
from kits.slices import check_shapes


@dataclass
class CheckedCase:
    """A case's row in the table of the cohort, and what is wrong with it: a line for each thing to mend."""

    row: dict[str, Any]
    problems: list[str] = field(default_factory=list)


def check_case(root: Path, case: str) -> CheckedCase:
    """Read the image's header and the whole label: both exist, have three axes and one shape; labels are 0, 1, 2."""
    image_path, label_path = root / case / "imaging.nii.gz", root / case / "segmentation.nii.gz"
    checked = CheckedCase({"case": case})
    geometry = label = None
    try:
        geometry = read_geometry(image_path)
    except UserError as error:
        checked.problems.append(str(error))
    try:
        label = read_label(label_path)
    except UserError as error:
        checked.problems.append(str(error))
    if geometry is None or label is None:
        return checked
    try:
        check_shapes(image_path, geometry.shape, label_path, label.shape)
    except UserError as error:
        checked.problems.append(str(error))
    spacing = np.linalg.norm(np.array(geometry.affine)[:3, :3], axis=0)
    checked.row |= dict(zip(("slices", "rows", "columns"), geometry.shape, strict=True))
    checked.row |= {f"{axis}_mm": f"{step:.4g}" for axis, step in zip(("slice", "row", "column"), spacing, strict=True)}
    voxels = np.bincount(label.ravel(order="K"), minlength=3)
    shown = label.max(axis=(1, 2))
    checked.row |= {
        "kidney_voxels": voxels[1],
        "tumor_voxels": voxels[2],
        "positive_slices": np.count_nonzero(shown),
        "tumor_slices": np.count_nonzero(shown == 2),
    }
    return checked


def write_table(path: Path, cases: Sequence[CheckedCase]) -> None:
    """Write a row for each case: shape, spacing in mm, voxels and slices that show kidney or tumor."""
    with atomic(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, cases[0].row, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(case.row for case in cases)
