"""Tables of a single case as rows, without pandas, whose import takes longer than the work of many jobs."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kidney_tumor.files import write_atomically


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write rows as `tables.write_table` would, completely or not at all.

    Args:
        path: The table to write, .tsv.
        rows: The rows. Each number with a fraction is written with 6 digits after the point, what is undefined as nan.
        columns: The columns; by default those of the first row. A row that lacks one is undefined there.
    """
    columns = columns or list(rows[0])
    with write_atomically(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_write_cell(row.get(column, float("nan"))) for column in columns] for row in rows)


def _write_cell(value: Any) -> str:
    return f"{value:.6f}" if isinstance(value, float) else str(value)
