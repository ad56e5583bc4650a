"""Segmentations by other methods, and labels: where the files of a case lie, and which labels they hold.

This module imports nothing heavy, since the Snakefile imports it.
"""

import glob
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from kidney_tumor.configuration import LABELS, ORGANS, read_parts
from kidney_tumor.data.cohort import NIFTI, SPECIAL
from kidney_tumor.errors import UserError

FORMS = (
    "segmentations/{case}.nii.gz",
    "split_*/segmentations/{case}.nii.gz",
    "{case}.nii.gz",
    "{case}.nii",
    "{case}/segmentation.nii.gz",
    "prediction_{number}.nii.gz",
)
"""Where a case lies in a folder: of a run of this workflow, with one split or several; a file for each case; KiTS19's
folders; and the challenge's submissions."""
CHANNEL_FORMS = ("{case}_0000.nii.gz", "{case}_0000.nii")
"""The names that nnU-Net gives to images. Segmentations have them if a tool kept the image's name, so these files count
only where there are no others."""
ORGAN_FOLDERS = ("{case}", "{case}/segmentations", "{case}.nii.gz", "{case}_0000", "{case}_0000.nii.gz")
"""The folders of a case with one file for each organ, as TotalSegmentator writes them; a loop over images may give a
folder the whole name of its image."""
CHANNEL = "_0000"
"""What the stem of an image's name ends with in nnU-Net."""
SHOWN = 5
"""The number of files in a case's folder that an error names."""


@dataclass(frozen=True, eq=False)
class Method:
    """Another method, as the configuration names it.

    Attributes:
        folder: The folder with its segmentations.
        values: The labels of kidney and tumor, where all others are background; None for KiTS19's and nothing else.
        organs: The names of the files of kidney and tumor, without their suffix, if each organ may have its own.
        named: Whether the configuration names these files, so that there can be no others.
    """

    folder: Path
    values: dict[str, list[int]] | None
    organs: dict[str, list[str]] | None
    named: bool


@dataclass(frozen=True)
class Found:
    """What a method has of a case.

    Attributes:
        files: Its label volumes, several if several splits of a run test the case, or the files of its organs.
        organs: The files of `kidney` and of `tumor` if each organ has its own; a part that the method does not segment
            is not in it.
        absent: The organs that have no file, and so were not found in this case.
        problem: Why there are no files; empty if there are.
        is_ambiguous: Whether there are none since there are too many.
    """

    files: tuple[str, ...] = ()
    organs: Mapping[str, list[str]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    problem: str = ""
    is_ambiguous: bool = False


def parse_method(
    entry: str | Mapping[str, Any], locate: Callable[[str], str] = str, labels: Mapping[str, list[int]] | None = None
) -> Method:
    """Make a method from its entry in the configuration: a folder, or a mapping with a folder and labels or files.

    Args:
        entry: The entry.
        locate: A function that tells where the folder lies, if an importer of the workflow has moved its paths.
        labels: The labels of kidney and tumor where the entry names none; None for KiTS19's and nothing else.
    """
    entry = {"folder": entry} if isinstance(entry, str) else entry
    folder = Path(locate(os.path.normpath(os.path.expanduser(entry["folder"]))))
    parts = read_parts(entry)
    if any(isinstance(item, str) for items in parts.values() for item in items):
        return Method(folder, None, {part: [_strip(name) for name in names] for part, names in parts.items()}, True)
    organs = ORGANS if parts["kidney"] == LABELS["kidney"] else None
    values = parts if set(entry) & set(LABELS) else read_parts(labels) if labels else None
    return Method(folder, values, organs, False)


def _strip(name: str) -> str:
    """Return the name of a volume's file without its suffix."""
    return next((name.removesuffix(suffix) for suffix in NIFTI if name.endswith(suffix)), name)


def list_places(method: Method, case: str) -> list[str]:
    """List where a case is looked for in the folder of a method, as patterns of paths below it."""
    forms = [] if method.named else [*FORMS, *CHANNEL_FORMS]
    organs = [name for names in (method.organs or {}).values() for name in names]
    return _name_places(forms, case) + [f"{case}/{name}.nii.gz" for name in organs]


def _name_places(forms: Iterable[str], case: str) -> list[str]:
    return [form.format(case=case, number=case.removeprefix("case_")) for form in forms]


@cache
def find_segmentations(method: Method, case: str) -> Found:
    """Find a case's files in the folder of a method.

    A case is there if it has a label volume, or a file of a kidney (of a tumor, if the method has no kidneys). In
    several places it counts as missing, since each may be the one that is meant.
    """
    volumes = [] if method.named else _find_volumes(method.folder, FORMS, case)
    organs = _find_organs(method, case) if method.organs and not volumes else []
    if not volumes and not organs and not method.named:
        volumes = _find_volumes(method.folder, CHANNEL_FORMS, case)
    places = [paths[0] for paths in volumes] + [found.files[0] for found in organs]
    if len(places) > 1:
        problem = f"several segmentations in {method.folder}, {' and '.join(places)}; keep one"
        return Found(problem=problem, is_ambiguous=True)
    if volumes:
        return Found(tuple(volumes[0]))
    return organs[0] if organs else Found(problem=_explain_missing(method, case))


def list_cases(method: Method) -> dict[str, Found]:
    """List the cases in the folder of a method, each with its files or why it has none that can be used."""
    stems = {stem for stem in _list_stems(method.folder) if _is_case(find_segmentations(method, stem))}
    # Beside a segmentation of its case, or where all have it, the suffix of images is no part of the name.
    have_suffix = all(stem.endswith(CHANNEL) for stem in stems)
    names = {
        stem.removesuffix(CHANNEL) if have_suffix or stem.removesuffix(CHANNEL) in stems else stem for stem in stems
    }
    found = {name: find_segmentations(method, name) for name in map(_name_submitted, sorted(names))}
    return {name: one for name, one in found.items() if _is_case(one)}


@cache
def find_labels(method: Method) -> dict[str, str]:
    """Find the label volume of each case in a folder, whatever its cases are called, in their order.

    Raises:
        UserError: There is no such folder or case, or a case that cannot be used.
    """
    if not method.folder.is_dir():
        raise UserError(f"there is no folder {method.folder}")
    found = list_cases(method)
    if not found:
        raise UserError(find_segmentations(method, "<case>").problem)
    for case, one in found.items():
        if problem := explain_unusable(case, one, one):
            raise UserError(f"{case}: {problem}")
        if one.organs:
            raise UserError(f"{case} has a file for each organ, {one.files[0]}; name a folder of label volumes")
    return {case: one.files[0] for case, one in found.items()}


def _list_stems(folder: Path) -> set[str]:
    """List what cases in a folder may be called: the names of its files and folders without their suffix."""
    places = [folder, folder / "segmentations", *folder.glob("split_*/segmentations")]
    return {
        _strip(path.name)
        for place in places
        if place.is_dir()
        for path in place.iterdir()
        if not path.name.startswith(".") and (path.is_dir() or path.name.endswith(NIFTI))
    }


def _is_case(found: Found) -> bool:
    return bool(found.files) or found.is_ambiguous


def _name_submitted(stem: str) -> str:
    """Name a case by the name of its file, which may be that of a submission to the challenge."""
    return re.sub(r"^prediction_(\d{5})$", r"case_\1", stem)


def match_cases(truth: Mapping[str, Found], method: Method) -> tuple[dict[str, Found], list[str]]:
    """Match the cases of a method with those that have a truth.

    Returns:
        What the method has of each case with a truth; and the names of its other cases, those whose files no case has.
    """
    matched = {case: find_segmentations(method, case) for case in truth}
    used = {path for found in matched.values() for path in found.files}
    return matched, [
        case for case, found in list_cases(method).items() if case not in matched and not used & set(found.files)
    ]


def explain_unusable(case: str, truth: Found, found: Found) -> str:
    """Explain in words why a case cannot be evaluated; empty if it can be."""
    if not case.isprintable() or SPECIAL & set(case):
        return f"its name has {' '.join(sorted(SPECIAL))} or a control character; rename it"
    for what, one in (("truth", truth), ("prediction", found)):
        if one.is_ambiguous:
            return one.problem
        if len(one.files) > 1 and not one.organs:
            return f"several splits segment it, as {what}; name the folder of one"
    return "" if found.files else "no prediction"


def list_never_found(method: Method, found: Iterable[Found]) -> list[str]:
    """List the organs that the configuration names, but of which no case has a file: one name is likely mistyped."""
    absent = [set(one.absent) for one in found if one.files]
    return sorted(set.intersection(*absent)) if method.named and absent else []


def _find_volumes(folder: Path, forms: Iterable[str], case: str) -> list[list[str]]:
    """Find the label volumes of a case: the files of each form of which there are some."""
    places = _name_places(forms, glob.escape(case))
    found = [sorted(str(path) for path in folder.glob(place) if path.is_file()) for place in places]
    return [paths for paths in found if paths]


def _find_organs(method: Method, case: str) -> list[Found]:
    """Find the files of the organs of a case in each folder that has some."""
    found = []
    for place in _name_places(ORGAN_FOLDERS, case):
        parts: dict[str, list[str]] = {}
        absent: list[str] = []
        for part, names in (method.organs or {}).items():
            for name in names:
                paths = [method.folder / place / f"{name}{suffix}" for suffix in NIFTI]
                present = [str(path) for path in paths if path.is_file()][:1]
                parts.setdefault(part, []).extend(present)
                absent += [] if present else [name]
        if parts.get("kidney", parts.get("tumor")):
            files = tuple(path for paths in parts.values() for path in paths)
            found.append(Found(files, parts, tuple(absent)))
    return found


def _explain_missing(method: Method, case: str) -> str:
    text = f"no segmentation in {method.folder}; looked for {', '.join(list_places(method, case))}"
    folders = [method.folder / place for place in _name_places(ORGAN_FOLDERS, case)]
    names = [path.name for folder in folders for path in sorted(folder.glob("*.nii*")) if path.is_file()]
    if not names:
        return text
    shown = ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
    return f"{text}; but there are {shown}: name those that count, as kidney: [kidney_left, kidney_right]"
