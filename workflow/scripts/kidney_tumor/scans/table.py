"""The table of all scans, scans.tsv: what was measured in each, and why to distrust it or not to use it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kidney_tumor.data.measures import SCAN_MEASURES, describe_measures
from kidney_tumor.rows import read_rows

SEPARATOR = " | "
"""What separates the faults of a scan, and the warnings about it."""
CHECK = "does each kidney hold all of one kidney, and nothing of psoas, liver, spleen or bowel? Are both sides alike?"
"""What to look for on the page of a scan."""
PAGE, PICTURE = "view.html", "thumbnail.png"
"""The names of a scan's page and of its small picture in the scan's folder."""


def read_scans(path: Path) -> list[dict[str, str]]:
    """Read the table as rows of texts.

    Raises:
        UserError: The file is not such a table.
    """
    return read_rows(path, *SCAN_MEASURES, "scan", "faults", "warnings", "problem")


def split_text(text: str) -> list[str]:
    """Split the faults of a scan, or the warnings about it, into sentences."""
    return text.split(SEPARATOR) if text else []


def describe_row(row: Mapping[str, str]) -> str:
    """Say in words what was measured in the scan of a row."""
    return describe_measures({name: float(row[name] or "nan") for name in SCAN_MEASURES})


def find_common_warnings(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Find the warnings that all segmented scans have, of two or more, by the rows of the table."""
    listed = [split_text(row["warnings"]) for row in rows if not row["problem"]]
    return [warning for warning in listed[0] if all(warning in other for other in listed)] if len(listed) > 1 else []
