"""Tables on disk: tab-separated, one file a job, pooled for a run."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kits.cli import UserError, suggest_remake, write_atomically

SPLIT = re.compile(r"split_(\d+)")
"""Folder of one of several splits."""


def read_tables(paths: Sequence[Path], *columns: str) -> pd.DataFrame:
    """The rows of some tables, one after the other; a first column `split` where they lie in folders of splits.

    Args:
        paths: of the tables.
        columns: that each must have.

    Raises:
        UserError: a file is no table, ends within a line, or lacks a column.
    """
    tables = []
    for path in paths:
        try:
            text = path.read_text()
            table = pd.read_csv(io.StringIO(text), sep="\t")
        except ValueError as error:  # pandas' and the decoder's errors are
            raise UserError(f"{path} is not a table ({str(error).strip()}); {suggest_remake(path)}") from error
        if not text.endswith("\n"):
            raise UserError(f"{path} ends within a line; {suggest_remake(path)}")
        if missing := [column for column in columns if column not in table]:
            raise UserError(f"{path} lacks the columns {', '.join(missing)}; {suggest_remake(path)}")
        splits = [int(found[1]) for part in path.parts if (found := SPLIT.fullmatch(part))]
        if splits:
            table.insert(0, "split", splits[-1])
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def write_table(path: Path, table: pd.DataFrame, *, digits: str = "%.6f", undefined: str = "nan") -> None:
    """Write a table without its index, whole or not at all; numbers and undefined ones as given."""
    with write_atomically(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, na_rep=undefined, float_format=digits)
