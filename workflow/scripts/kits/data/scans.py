"""The scans of a user: which there are, and under which names their results lie.

This module imports nothing heavy, since the Snakefile imports it.
"""

import os
import re
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from pathlib import Path

from kits.cli import UserError

SUFFIXES = (".nii.gz", ".nii")


SPECIAL = set("{}<>")
"""The characters that Snakemake would take for placeholders in a path."""


def is_dicom(path: Path) -> bool:
    """Return whether a file is a DICOM file: 128 bytes of any content, then the letters DICM."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def holds_dicom(folder: Path) -> bool:
    """Return whether a folder, or one below it, holds a DICOM file.

    The search ends at the first one. It looks at files called .dcm before others, and leaves out hidden files and
    folders and what is neither, such as pipes; it does not follow links to folders.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names, key=lambda name: (not name.lower().endswith(".dcm"), name)):
            path = Path(place, name)
            if not name.startswith(".") and path.is_file() and os.access(path, os.R_OK) and is_dicom(path):
                return True
    return False


def name_scan(path: Path) -> str:
    """Return the name of a scan: that of its file or folder, in which only letters, digits and `_ . -` are kept."""
    name = next((path.name.removesuffix(suffix) for suffix in SUFFIXES if path.name.endswith(suffix)), path.name)
    return re.sub(r"[^\w.-]+", "_", name).strip("._-") or "scan"


def parse_name(text: str) -> str:
    """Check the name of a case or a scan on a command line, since it becomes part of a path.

    Raises:
        ArgumentTypeError: The text cannot be such a name.
    """
    if name_scan(Path(text)) != text:
        raise ArgumentTypeError(f"{text!r} is not the name of a case or a scan; expected letters, digits and _ . -")
    return text


def find_scans(root: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Find the scans in a folder: its files .nii.gz and .nii, and its folders with DICOM files.

    Returns:
        The path of each scan by its name; and the names of scans that cannot be segmented because of their files'
        names, each with the reason.

    Raises:
        UserError: There is no such folder, or no scan in it.
    """
    try:
        entries = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise UserError(f"scans.root: {root}: {error.strerror}; expected a folder of scans") from error
    found: dict[str, list[Path]] = {}
    for path in entries:
        if path.name.endswith(SUFFIXES) or (path.is_dir() and holds_dicom(path)):
            found.setdefault(name_scan(path), []).append(path)
    if not found:
        raise UserError(f"scans.root: no scan in {root}; expected files .nii.gz or .nii, or folders with DICOM files")
    problems = {name: problem for name, paths in found.items() if (problem := _find_problem(paths))}
    return {name: paths[0] for name, paths in found.items() if name not in problems}, problems


def _find_problem(paths: Sequence[Path]) -> str:
    """Return why the scans that would get one name cannot be segmented; an empty text if they can."""
    if len(paths) > 1:
        return f"{' and '.join(path.name for path in paths)} would have the same results folder; rename all but one"
    if SPECIAL & set(paths[0].name):
        return f"{paths[0].name} has one of {' '.join(sorted(SPECIAL))} in its name; rename it"
    return ""


def list_files(scan: Path) -> list[str]:
    """List the files of a scan: the file itself, or all files of a DICOM folder, sorted."""
    return sorted(_walk(scan)) if scan.is_dir() else [str(scan)]


def _walk(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        yield from (path for name in names if not SPECIAL & set(path := os.path.join(parent, name)))
