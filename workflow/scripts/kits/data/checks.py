"""What can be known of a cohort without decompressing an image."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kits.cli import collect, write_atomically
from kits.data.nifti import KIDNEY, TUMOR, read_geometry, read_label
from kits.data.slices import check_shapes


def check_case(root: Path, case: str) -> dict[str, Any]:
    """Read the image's header and the whole label: both exist, have three axes and one shape; labels are 0, 1, 2.

    Returns:
        The case's row in the table of the cohort: shape, spacing in mm, voxels and slices that show kidney or tumor.

    Raises:
        UserError: a line for each thing to mend.
    """
    image_path, label_path = root / case / "imaging.nii.gz", root / case / "segmentation.nii.gz"
    geometry, label = collect([lambda: read_geometry(image_path), lambda: read_label(label_path)])
    check_shapes(image_path, geometry.shape, label_path, label.shape)
    spacing = read_geometry(label_path).spacing
    if not np.allclose(spacing, geometry.spacing, rtol=0.01):
        # No error: shapes agree, and the image's spacing is the one that counts.
        mm = [" x ".join(f"{step:.4g}" for step in steps) for steps in (spacing, geometry.spacing)]
        print(f"warning: {label_path}: its voxels are {mm[0]} mm, the image's {mm[1]} mm; the image's are used")
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
    """Write the rows of the cohort's cases."""
    with write_atomically(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
