"""The manifest of a folder with trained networks: what lies there, and on what they were trained.

This module imports nothing heavy, since the Snakefile imports it.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from kidney_tumor.errors import UserError
from kidney_tumor.files import read_json

NAME = "model.json"
SYNTHETIC = "synthetic"
"""The name of the networks that come with the workflow, in its resources, which were trained on phantoms."""
FORMAT = 2
"""The version of the folder's contents; it grows when code and networks of different versions do not fit together."""
FILES = ("kidney.safetensors", "tumor.safetensors", "ratio_range.json")
"""What a segmentation reads from the folder, beside the manifest."""
KEYS = ("format", "sha256", "size", "hu_window", "tumor_rows", "cohort")
ALIKE = ("size", "tumor_rows")
"""What the networks of an ensemble must have in common."""


def compute_checksums(paths: list[Path]) -> dict[str, str]:
    """Compute the SHA-256 of files by their names."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@cache
def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder with trained networks, and check that the folder is whole and unchanged.

    Raises:
        UserError: A file is missing, was changed, or is of another version.
    """
    copy = "copy the whole folder results/<run>/models/ of a finished run again"
    if not folder.is_dir():
        raise UserError(f"scans.models: there is no folder {folder}; name results/<run>/models/ of a finished run")
    if (folder / "models" / NAME).is_file():
        raise UserError(f"scans.models: {folder} is the folder of a run; did you mean {folder / 'models'}?")
    if not (folder / NAME).is_file():
        raise UserError(f"scans.models: {folder / NAME} is missing; {copy}")
    try:
        manifest = read_json(folder / NAME, "format")
    except UserError as error:
        raise UserError(f"scans.models: {folder / NAME} is damaged; {copy}") from error
    if manifest["format"] != FORMAT:
        raise UserError(
            f"scans.models: {folder / NAME} has format {manifest['format']}, but this version of the workflow reads "
            f"{FORMAT}; use the version that trained it (commit {manifest.get('commit', 'unknown')}), or train again"
        )
    if missing := [key for key in KEYS if key not in manifest]:
        raise UserError(f"scans.models: {folder / NAME} lacks {', '.join(missing)}; {copy}")
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise UserError(f"scans.models: {folder} lacks {', '.join(missing)}; {copy}")
    found = compute_checksums([folder / name for name in FILES])
    if changed := [name for name in FILES if found[name] != dict(manifest["sha256"]).get(name)]:
        raise UserError(f"scans.models: {folder}: {', '.join(changed)} is not the file of which {NAME} speaks; {copy}")
    return manifest


def read_members(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Read the manifests of the networks of an ensemble, which must see the same part of slices of one size.

    Raises:
        UserError: One cannot be read, sees something else than the first, or is named twice.
    """
    for folder in folders:
        if sum(folder.resolve() == other.resolve() for other in folders) > 1:
            raise UserError(f"scans.models: {folder} is named more than once; name each folder once")
    members = [read_manifest(folder) for folder in folders]
    for key in ALIKE:
        for folder, member in zip(folders, members, strict=True):
            if (here := member[key]) != (first := members[0][key]):
                raise UserError(
                    f"scans.models: {folder} has networks for {key} {here}, {folders[0]} for {first}; "
                    "an ensemble needs the same"
                )
    return members
