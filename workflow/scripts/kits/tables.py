"""Tables on disk: tab-separated, one file a job, pooled for a run."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kits.cli import UserError, atomic, remake

SPLIT = re.compile(r"split_(\d+)")
"""Folder of one of several splits."""


def read(paths: Sequence[Path]) -> pd.DataFrame:
    """The rows of some tables, one after the other; a first column `split` where they lie in folders of splits.

    Raises:
        UserError: a file is no table.
    """
    tables = []
    for path in paths:
        try:
            table = pd.read_csv(path, sep="\t")
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise UserError(f"{path} is not a table ({str(error).strip()}); {remake(path)}") from error
        splits = [int(found[1]) for part in path.parts if (found := SPLIT.fullmatch(part))]
        if splits:
            table.insert(0, "split", splits[-1])
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def write(path: Path, table: pd.DataFrame, *, digits: str = "%.6f", undefined: str = "nan") -> None:
    """Write a table without its index, whole or not at all; numbers and undefined ones as given."""
    with atomic(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, na_rep=undefined, float_format=digits)
