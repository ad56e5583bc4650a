"""Files that are whole or absent: atomic writing, and JSON."""

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kidney_tumor.errors import UserError


@contextmanager
def name_errors(path: Path) -> Iterator[None]:
    """Add a path to an OSError that has none, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno:
            error.filename = error.filename or str(path)
        raise


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` on success, remove it on failure.

    The temporary name has the suffix of `path`, by which writers choose the format, and it is always the same, so that
    the next attempt overwrites the file that a killed one left.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".partial.{path.name}")
    try:
        with name_errors(path):
            yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text in UTF-8, completely or not at all."""
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write `content` as indented JSON, completely or not at all."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_json(path: str | os.PathLike[str], *keys: str) -> dict[str, Any]:
    """Read a JSON object that must have the given keys.

    Raises:
        UserError: The file does not hold a JSON object, or a key is missing.
    """
    try:
        content = json.loads(Path(path).read_text())
        missing = set(keys) - set(content)
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is not a JSON object ({error}); {suggest_remake(path)}") from error
    if missing:
        raise UserError(f"{path} lacks {', '.join(sorted(missing))}; {suggest_remake(path)}")
    return content


def suggest_remake(path: str | os.PathLike[str]) -> str:
    """Say what to do about an intermediate file that differs from what the workflow wrote."""
    return f"`rm {shlex.quote(str(path))}` and run the same snakemake command again"
