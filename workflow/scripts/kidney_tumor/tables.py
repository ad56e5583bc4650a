"""Tables on disk, which are tab-separated: each job writes one, and a run's tables are read together."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kidney_tumor.errors import UserError
from kidney_tumor.files import suggest_remake, write_atomically

SPLIT = re.compile(r"split_(\d+)")
"""The name of the folder of one of several splits."""


def read_tables(paths: Sequence[Path], *columns: str, texts: Sequence[str] = ()) -> pd.DataFrame:
    """Read tables into one; it begins with a column `split` if they lie in folders of splits.

    Args:
        paths: The paths of the tables.
        columns: The columns that each table must have.
        texts: The columns that are read as they are written, such as names that may look like numbers.

    Raises:
        UserError: A file is not a table, ends within a line, or lacks a column.
    """
    tables = []
    for path in paths:
        try:
            text = path.read_text()
            table = _parse_table(text, texts)
        except ValueError as error:  # the errors of pandas and of the decoder are ValueErrors
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


def _parse_table(text: str, texts: Sequence[str]) -> pd.DataFrame:
    """Parse a table, whose empty cells are NaN but in columns of texts, where a name may be NA, too."""
    if not texts:
        return pd.read_csv(io.StringIO(text), sep="\t")
    numbers = [column for column in text.partition("\n")[0].split("\t") if column not in texts]
    return pd.read_csv(
        io.StringIO(text),
        sep="\t",
        dtype=dict.fromkeys(texts, str),
        keep_default_na=False,
        na_values={key: ["", "nan"] for key in numbers},
    )


def write_table(path: Path, table: pd.DataFrame, *, digits: str = "%.6f", undefined: str = "nan") -> None:
    """Write a table without its index, completely or not at all, with numbers in the given format."""
    with write_atomically(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, na_rep=undefined, float_format=digits)
