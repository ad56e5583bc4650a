"""Tables of a single case as rows, without pandas, whose import takes longer than the work of many jobs."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kidney_tumor.errors import UserError
from kidney_tumor.files import suggest_remake, write_atomically


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


def read_rows(path: Path, *columns: str) -> list[dict[str, str]]:
    """Read a table as rows of texts.

    Args:
        path: The table.
        columns: The columns that it must have.

    Raises:
        UserError: The file is not a table, ends within a line, or lacks a column.
    """
    try:
        text = path.read_text()
        header, *lines = csv.reader(io.StringIO(text), delimiter="\t", strict=True)
        rows = [dict(zip(header, line, strict=True)) for line in lines]
    except (ValueError, csv.Error) as error:  # no text, nothing at all, or lines of another length
        raise UserError(f"{path} is not a table ({error}); {suggest_remake(path)}") from error
    if not text.endswith("\n"):
        raise UserError(f"{path} ends within a line; {suggest_remake(path)}")
    if missing := [column for column in columns if column not in header]:
        raise UserError(f"{path} lacks the columns {', '.join(missing)}; {suggest_remake(path)}")
    return rows
