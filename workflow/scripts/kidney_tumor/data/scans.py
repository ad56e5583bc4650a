"""The scans of a user: which there are, and under which names their results lie.

This module imports nothing heavy, since the Snakefile imports it.
"""

import hashlib
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from kidney_tumor.cli import UserError
from kidney_tumor.data.cohort import SUFFIXES, name_scan

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


def find_scans(root: Path, taken: Collection[str] = ()) -> tuple[dict[str, Path], dict[str, str]]:
    """Find the scans in a folder: its files .nii.gz and .nii, and its folders with DICOM files.

    Args:
        root: The folder.
        taken: The names that other scans have.

    Returns:
        The path of each scan by its name; and the names of scans that cannot be segmented, whatever they hold, each
        with the reason.

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
    problems = {name: problem for name, paths in found.items() if (problem := _find_problem(name, paths, taken))}
    return {name: paths[0] for name, paths in found.items() if name not in problems}, problems


def list_ignored(root: Path) -> list[str]:
    """List the names in a folder of scans that are neither scans nor hidden."""
    names = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    return [name for name in names if not name.endswith(SUFFIXES) and not holds_dicom(root / name)]


def _find_problem(name: str, paths: Sequence[Path], taken: Collection[str]) -> str:
    """Return why the scans that would get a name cannot be segmented; an empty text if they can."""
    shown = " and ".join(path.name if path.name.isprintable() else repr(path.name) for path in paths)
    if len(paths) > 1:
        return f"{shown} would have the same results folder; rename all but one"
    if name in taken:
        return f"{shown} has the name of one of KiTS19's hidden cases in data.root; rename it"
    if not paths[0].name.isprintable() or SPECIAL & set(paths[0].name):
        return f"{shown} has {' '.join(sorted(SPECIAL))} or a control character in its name; rename it"
    if not paths[0].exists():
        return f"{shown} is a link to nothing; put the scan there"
    if not os.access(paths[0], os.R_OK):
        return f"{shown} cannot be read by you; change its permissions"
    return ""


def list_files(scan: Path) -> list[str]:
    """List the files of a scan: the file itself, or all files of a DICOM folder that a rule can name, sorted."""
    if not scan.is_dir():
        return [str(scan)]
    paths = (os.path.join(parent, name) for parent, _, names in os.walk(scan) for name in names)
    return sorted(path for path in paths if os.path.isfile(path) and not SPECIAL & set(path))


def stamp_files(scan: Path) -> str:
    """Make a text that differs if a file of a scan is another one, even an older one: from their sizes and times."""
    facts = [(path, os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in list_files(scan)]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
