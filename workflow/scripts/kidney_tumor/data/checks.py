"""The checks of a cohort that need no image to be decompressed."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kidney_tumor.data.cohort import format_cases
from kidney_tumor.data.places import check_places
from kidney_tumor.data.remedies import collect
from kidney_tumor.errors import UserError
from kidney_tumor.files import write_atomically
from kidney_tumor.volumes.labels import KIDNEY, TUMOR, read_label
from kidney_tumor.volumes.nifti import read_geometry


def check_folders(root: Path, cases: Sequence[str]) -> None:
    """Check that each case has a folder.

    Raises:
        UserError: Some cases have none; one line names them, consecutive ones as ranges.
    """
    if absent := [case for case in cases if not (root / case).is_dir()]:
        raise UserError(
            f"{root}: no folder for {format_cases(absent)}; fetch them, or leave them out (data.cases, data.exclude)"
        )


def check_case(root: Path, case: str) -> dict[str, Any]:
    """Check that both volumes of a case exist and have one shape and place, and that its labels are 0, 1 or 2.

    Returns:
        The case's row of the cohort's table: shape in voxels, spacing in mm, and how many voxels are kidney and tumor,
        and how many slices show a label and a tumor.

    Raises:
        UserError: The case has problems; the message has a line for each.
    """
    image_path, label_path = root / case / "imaging.nii.gz", root / case / "segmentation.nii.gz"
    found: list[Any] = collect([lambda: read_geometry(image_path), lambda: read_label(label_path)])
    geometry, label = found
    check_places(image_path, label_path)
    shown = label.max(axis=(1, 2))
    return {
        "case": case,
        **dict(zip(("slices", "rows", "columns"), geometry.shape, strict=True)),
        **{
            f"{axis}_mm": f"{step:.4g}" for axis, step in zip(("slice", "row", "column"), geometry.spacing, strict=True)
        },
        "kidney_voxels": np.count_nonzero(label == KIDNEY),
        "tumor_voxels": np.count_nonzero(label == TUMOR),
        "positive_slices": np.count_nonzero(shown),
        "tumor_slices": np.count_nonzero(shown == TUMOR),
    }


def write_cohort(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the cohort's table, which has a row for each case."""
    with write_atomically(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
