"""Scans: whether a folder holds a DICOM series.

This module imports nothing heavy, since the Snakefile imports it.
"""

import os
from pathlib import Path


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
            if not name.startswith(".") and path.is_file() and is_dicom(path):
                return True
    return False
