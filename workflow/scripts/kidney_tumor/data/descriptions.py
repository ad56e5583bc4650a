"""The description of extracted slices, `slices.json`, read without numpy, whose import takes longer than some jobs."""

from pathlib import Path
from typing import Any

from kidney_tumor.errors import UserError
from kidney_tumor.files import read_json, suggest_remake


def read_description(folder: Path) -> dict[str, Any]:
    """Read the description of extracted slices, `slices.json`.

    Raises:
        UserError: It is missing or unreadable, belongs to another case, or says why the scan was refused.
    """
    description = read_json(folder / "slices.json", "case")
    if "problem" in description:
        raise UserError(description["problem"])
    description = read_json(folder / "slices.json", "case", "shape", "affine", "hu", "notes", "crc32")
    if description["case"] != folder.name:
        raise UserError(f"{folder} holds the slices of {description['case']}; {suggest_remake(folder / 'slices.json')}")
    return description


def describe_damage(path: Path, why: str) -> UserError:
    """Make the error for an intermediate file that differs from what the workflow wrote."""
    return UserError(f"{path} is damaged ({why}); {suggest_remake(path)}")
