"""The page that shows all scans of a run, with a small picture of each and a link to its own page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kidney_tumor.report.templates import fill
from kidney_tumor.scans.table import PAGE, PICTURE, describe_row, find_common_warnings, read_scans, split_text


def write_overview(template: Path, table: Path, name: str) -> str:
    """Write the page.

    Args:
        template: `overview.html`.
        table: The table of all scans, scans.tsv.
        name: Of the run.
    """
    rows = read_scans(table)
    common = find_common_warnings(rows)
    scans = [describe_scan(row, common) for row in rows]
    return fill(template, name=name, common=common, scans=scans)


def describe_scan(row: Mapping[str, str], common: Sequence[str]) -> dict[str, Any]:
    """Describe what the page shows of a scan: its verdict with the reasons, what it measures, and where its page is.

    Warnings that are common to all scans are not repeated.
    """
    faults = split_text(row["faults"])
    warnings = [warning for warning in split_text(row["warnings"]) if warning not in common]
    place = f"scans/{quote(row['scan'])}"
    described = {"name": row["scan"], "page": f"{place}/{PAGE}", "picture": f"{place}/{PICTURE}", "warnings": warnings}
    if row["problem"]:
        return described | {"verdict": "Not segmented", "reasons": [row["problem"]], "measures": ""}
    verdict = "Not usable" if faults else "Check by eye"
    return described | {
        "verdict": verdict,
        "reasons": faults,
        "measures": describe_row(row),
    }
