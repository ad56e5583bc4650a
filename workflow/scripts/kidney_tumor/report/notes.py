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
    """Say how much each network marked of a scan, and how much is marked after post-processing."""
    voxel_ml = math.prod(spacing) / 1000
    kidney, tumor, kidney_left, tumor_left = (
        mask.voxels * voxel_ml for stage in ("before", "after") for mask in stages[stage]
    )
    return (
        f"Before post-processing, the kidney network marked {kidney:.0f} mL (kidney and tumor) and the tumor network "
        f"{tumor:.1f} mL; after it, {kidney_left:.0f} mL are marked, of which {tumor_left:.1f} mL are tumor."
    )
