"""What stands above the picture on a scan's page."""

import math
from collections.abc import Mapping
from pathlib import Path

from kidney_tumor.data.measures import SCAN_MEASURES
from kidney_tumor.rows import read_rows
from kidney_tumor.scans.table import CHECK, describe_row, split_text
from kidney_tumor.volumes.masks import Masks, Spacing


def read_notes(path: Path, stages: Mapping[str, Masks], spacing: Spacing) -> list[str]:
    """Read why a scan's result cannot be used, what it measures and what to distrust.

    Args:
        path: The table that `measure_scan.py` wrote.
        stages: The masks `before` and `after` post-processing.
        spacing: The distance between neighboring slices, rows and columns in mm.
    """
    (row,) = read_rows(path, *SCAN_MEASURES, "faults", "warnings")
    return [
        *(f"Not usable: {fault}." for fault in split_text(row["faults"])),
        f"Measured: {describe_row(row)}. {describe_filter(stages, spacing)}",
        f"Check by eye: {CHECK}",
        *(f"Warning: {warning}" for warning in split_text(row["warnings"])),
    ]


def describe_filter(stages: Mapping[str, Masks], spacing: Spacing) -> str:
    """Say how much the networks marked of a scan, and how much of it is left after post-processing."""
    voxel_ml = math.prod(spacing) / 1000
    before, after = (
        f"{kidney_tumor.voxels * voxel_ml:.0f} mL as kidney or tumor, {tumor.voxels * voxel_ml:.1f} mL as tumor"
        for kidney_tumor, tumor in (stages["before"], stages["after"])
    )
    return f"The networks marked {before}; after post-processing, it is {after}."
