"""The page that shows all scans of a run, with a small picture of each and a link to its own page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from kidney_tumor.data.measures import SCAN_MEASURES, describe_measures
from kidney_tumor.data.slices import resize
from kidney_tumor.report.templates import fill
from kidney_tumor.rows import read_rows
from kidney_tumor.scans.plausibility import SEPARATOR, find_common_warnings
from kidney_tumor.volumes.colors import PARTS
from kidney_tumor.volumes.masks import Masks

PAGE, PICTURE = "view.html", "thumbnail.png"
"""The names of a scan's page and of its small picture in the scan's folder."""
OPACITY = 0.5
"""How far a label hides the image."""


def draw_thumbnail(images: np.ndarray, masks: Masks, window: tuple[float, float]) -> np.ndarray:
    """Draw the axial slice of a scan with the most tumor, else with the most kidney, else the middle one.

    Args:
        images: The scan's slices in HU, shape (slices, size, size).
        masks: Those of kidney + tumor and of the tumor, in the scan's own grid.
        window: The HU that are black and white.

    Returns:
        Red, green and blue, shape (size, size, 3), uint8.
    """
    kidney_tumor, tumor = masks
    marked = next((mask for mask in (tumor, kidney_tumor) if len(mask)), None)
    number = int(marked.count_by_slice().argmax()) if marked else len(images) // 2
    low, high = window
    gray = np.clip((images[number].astype(float) - low) / (high - low), 0, 1) * 255
    picture = np.repeat(gray[..., None], 3, axis=2)
    _, rows, columns = kidney_tumor.shape
    box = slice(number, number + 1), slice(0, rows), slice(0, columns)
    for mask, name in ((kidney_tumor, "kidney"), (tumor, "tumor")):
        inside = resize(mask.crop(box), *gray.shape)[0]
        picture[inside] = (1 - OPACITY) * gray[inside, None] + OPACITY * np.array(PARTS[name])
    return np.rint(picture).astype(np.uint8)


def write_overview(template: Path, table: Path, name: str) -> str:
    """Write the page.

    Args:
        template: `overview.html`.
        table: The table of all scans, scans.tsv.
        name: Of the run.
    """
    rows = read_rows(table, *SCAN_MEASURES, "scan", "faults", "warnings", "problem")
    common = find_common_warnings(rows)
    scans = [describe_scan(row, common) for row in rows]
    return fill(template, name=name, common=common, scans=scans)


def describe_scan(row: Mapping[str, str], common: Sequence[str]) -> dict[str, Any]:
    """Describe what the page shows of a scan: its verdict with the reasons, what it measures, and where its page is.

    Warnings that are common to all scans are not repeated.
    """
    faults, warnings = (list(filter(None, row[key].split(SEPARATOR))) for key in ("faults", "warnings"))
    warnings = [warning for warning in warnings if warning not in common]
    place = f"scans/{quote(row['scan'])}"
    described = {"name": row["scan"], "page": f"{place}/{PAGE}", "picture": f"{place}/{PICTURE}", "warnings": warnings}
    if row["problem"]:
        return described | {"verdict": "Not segmented", "reasons": [row["problem"]], "measures": ""}
    verdict = "Not usable" if faults else "No fault found"
    return described | {
        "verdict": verdict,
        "reasons": faults,
        "measures": describe_measures({name: float(row[name] or "nan") for name in SCAN_MEASURES}),
    }
