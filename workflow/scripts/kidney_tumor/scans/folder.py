"""The scans of a user: which there are, and under which names their results lie.

This module imports nothing heavy, since the Snakefile imports it.
"""

import hashlib
import os
import re
import struct
from argparse import ArgumentTypeError
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from kidney_tumor.data.cohort import NIFTI, SPECIAL
from kidney_tumor.errors import UserError

SNIFFED_BYTES = 2048
"""The bytes of a file that are looked at to recognize DICOM."""
EXPECTED = "files .nii.gz, .nii, .nrrd, .nhdr, .mha or .mhd, or folders with DICOM files"
LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
"""The types of DICOM's elements that have four bytes for their length."""
CLASSES = {(2, 0x02), (8, 0x16)}
"""The elements, group and number, that name the class of a DICOM object."""
MODALITY = (8, 0x60)
DETACHED = re.compile(rb"^(?:data ?file:(?!=)|ElementDataFile\s*=)\s*(\S.*?)\s*$", re.MULTILINE | re.IGNORECASE)
"""The line of a header of 3D Slicer or ITK that names the file with the voxels."""
HEADER_BYTES = 2**16
"""The bytes in which it is looked for."""


RASTERS = (".nrrd", ".nhdr", ".mha", ".mhd")
"""The ends of the names of volumes as 3D Slicer and ITK write them, which are converted to NIfTI."""
SUFFIXES = (*NIFTI, *RASTERS)
"""The ends of the names of scans that are files."""


def has_suffix(path: Path, suffixes: tuple[str, ...]) -> bool:
    """Return whether a file's name ends so, in small letters or capitals."""
    return path.name.lower().endswith(suffixes)


def name_scan(path: Path) -> str:
    """Return the name of a scan: that of its file or folder, in which only letters, digits and `_ . -` are kept."""
    suffix = next((suffix for suffix in SUFFIXES if has_suffix(path, (suffix,))), "")
    name = path.name[: len(path.name) - len(suffix)]
    return re.sub(r"[^\w.-]+", "_", name).strip("._-") or "scan"


def parse_name(text: str) -> str:
    """Check the name of a case or a scan on a command line, since it becomes part of a path.

    Raises:
        ArgumentTypeError: The text cannot be such a name.
    """
    if name_scan(Path(text)) != text:
        raise ArgumentTypeError(f"{text!r} is not the name of a case or a scan; expected letters, digits and _ . -")
    return text


def is_dicom(path: Path) -> bool:
    """Return whether a file is a DICOM file.

    It is if the letters DICM follow 128 bytes of any content, or if it begins, as older files do, with the data set:
    with well-formed elements in order, one of which names the class of the object or its modality.
    """
    with path.open("rb", buffering=0) as file:
        start = file.read(SNIFFED_BYTES)
    return start[128:132] == b"DICM" or any(
        _names_object(start, order, explicit) for order, explicit in (("<", False), ("<", True), (">", True))
    )


def _names_object(start: bytes, order: str, explicit: bool) -> bool:
    """Return whether a file that starts with these bytes is a bare data set in this encoding (PS3.5, chapter 7)."""
    for tag, value in _walk_elements(start, order, explicit):
        if tag in CLASSES and re.fullmatch(rb"[12](\.\d+){5,} *\0?", value):
            return True
        if tag == MODALITY:
            return bool(re.fullmatch(rb"[A-Z0-9_]{2,15} *", value))
    return False


def _walk_elements(start: bytes, order: str, explicit: bool) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Yield the tags (group, number) and values of the first elements, of the groups 2 and 8, while all is in order."""
    place, last = 0, (0, 0)
    while place + 12 <= len(start):
        tag = struct.unpack_from(f"{order}HH", start, place)
        kind = start[place + 4 : place + 6]
        if tag[0] not in (2, 8) or tag <= last or (explicit and not (kind.isalpha() and kind.isupper())):
            return
        form, head = (f"{order}I", 8) if not explicit else (f"{order}I", 12) if kind in LONG else (f"{order}H", 8)
        (length,) = struct.unpack_from(form, start, place + head - struct.calcsize(form))
        value = start[place + head : place + head + length]
        if len(value) < length:
            return
        yield tag, value
        place, last = place + head + length, tag


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


def is_scan(path: Path) -> bool:
    """Return whether a path is a scan itself: a file with one of `SUFFIXES`, or a folder whose own files are DICOM.

    A folder with one of these files beside them is a folder of scans.
    """
    if not path.is_dir():
        return has_suffix(path, SUFFIXES)
    own = [file for file in path.iterdir() if not file.name.startswith(".") and file.is_file()]
    return not any(has_suffix(file, SUFFIXES) for file in own) and any(
        os.access(file, os.R_OK) and is_dicom(file) for file in own
    )


def find_scans(roots: Sequence[Path], taken: Collection[str] = ()) -> tuple[dict[str, Path], dict[str, str]]:
    """Find the scans that paths name: scans themselves, and folders of scans.

    Args:
        roots: The paths. A folder's scans are its files with one of `SUFFIXES`, and its folders with DICOM files.
        taken: The names that other scans have.

    Returns:
        The path of each scan by its name; and the names of scans that cannot be segmented, whatever they hold, each
        with the reason.

    Raises:
        UserError: There is no such path, or it is no scan and holds none.
    """
    found: dict[str, list[Path]] = {}
    for path in dict.fromkeys(path for root in roots for path in _list_scans(root)):
        found.setdefault(name_scan(path), []).append(path)
    problems = {name: problem for name, paths in found.items() if (problem := _find_problem(name, paths, taken))}
    return {name: paths[0] for name, paths in found.items() if name not in problems}, problems


def _list_scans(root: Path) -> list[Path]:
    """List the scans that a path names, sorted.

    Raises:
        UserError: There is no such path, or it is no scan and holds none.
    """
    try:
        if is_scan(root):
            root.lstat()
            return [root]
        entries = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    except NotADirectoryError as error:
        raise UserError(f"{root} is no scan; expected {EXPECTED}") from error
    except OSError as error:
        raise UserError(f"{root}: {error.strerror}; expected a scan or a folder of scans") from error
    found = [path for path in entries if has_suffix(path, SUFFIXES) or (path.is_dir() and holds_dicom(path))]
    if not found:
        raise UserError(f"no scan in {root}; expected {EXPECTED}")
    return found


def list_ignored(root: Path) -> list[str]:
    """List the names in a folder of scans that are neither scans, nor the voxels of one, nor hidden."""
    if is_scan(root):
        return []
    paths = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    voxels = {detached for path in paths if path.is_file() for detached in [find_detached(path)] if detached}
    return [
        path.name for path in paths if not has_suffix(path, SUFFIXES) and path not in voxels and not holds_dicom(path)
    ]


def is_converted(scan: Path) -> bool:
    """Return whether a scan is converted to NIfTI: a folder with a DICOM series, or a file of 3D Slicer or ITK."""
    return scan.is_dir() or has_suffix(scan, RASTERS)


def find_detached(scan: Path) -> Path | None:
    """Find the file with the voxels that the header of 3D Slicer or ITK names; None if they follow the header."""
    if not has_suffix(scan, RASTERS) or not os.access(scan, os.R_OK):
        return None
    with scan.open("rb") as file:
        named = DETACHED.search(file.read(HEADER_BYTES))
    return scan.parent / os.fsdecode(named[1]) if named and named[1].upper() != b"LOCAL" else None


def _find_problem(name: str, paths: Sequence[Path], taken: Collection[str]) -> str:
    """Return why the scans that would get a name cannot be segmented; an empty text if they can."""
    names = [path.name for path in paths]
    texts = names if len(set(names)) == len(names) else map(str, paths)
    shown = " and ".join(text if text.isprintable() else repr(text) for text in texts)
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
    """List the files of a scan that a rule can name: its own and that of its voxels, or those of a folder, sorted."""
    if not scan.is_dir():
        voxels = str(find_detached(scan) or "")
        return [str(scan), *([voxels] if os.path.isfile(voxels) and not SPECIAL & set(voxels) else [])]
    paths = (os.path.join(parent, name) for parent, _, names in os.walk(scan) for name in names)
    return sorted(path for path in paths if os.path.isfile(path) and not SPECIAL & set(path))


def stamp_files(scan: Path) -> str:
    """Make a text that differs if a file of a scan is another one, even an older one: from their sizes and times."""
    facts = [(path, os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in list_files(scan)]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
