"""Segmentations of the test cases by other methods: where their files lie, and which labels they hold.

This module imports nothing heavy, since the Snakefile imports it.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kidney_tumor.configuration import LABELS
from kidney_tumor.data.cohort import CASE

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


@dataclass(frozen=True)
class Method:
    """Another method, as the configuration names it.

    Attributes:
        folder: The folder with its segmentations.
        values: The labels that mean kidney and tumor, in which case all others are background; None if its files hold
            KiTS19's labels and nothing else.
    """

    folder: Path
    values: dict[str, list[int]] | None


def parse_method(entry: str | Mapping[str, Any], locate: Callable[[str], str] = str) -> Method:
    """Make a method from its entry in the configuration: a folder, or a mapping with a folder and label values.

    Args:
        entry: The entry.
        locate: A function that tells where the folder lies, if an importer of the workflow has moved its paths.
    """
    entry = {"folder": entry} if isinstance(entry, str) else entry
    folder = Path(locate(os.path.normpath(os.path.expanduser(entry["folder"]))))
    named = {key: entry[key] for key in LABELS if key in entry}
    return Method(folder, LABELS | named if named else None)


def list_places(case: str) -> list[str]:
    """List where a case is looked for in a folder of segmentations, as patterns of paths below it."""
    return [form.format(case=case, number=CASE.fullmatch(case)[1]) for form in FORMS]


@cache
def find_segmentations(folder: Path, case: str) -> tuple[tuple[str, ...], str]:
    """Find a case's files in a folder of segmentations.

    Returns:
        The files, which are several if several splits of a run test the case; and the reason if there are none, because
        the case is missing, or lies in several places of which each may be the one that is meant.
    """
    found = [sorted(str(path) for path in folder.glob(place) if path.is_file()) for place in list_places(case)]
    found = [paths for paths in found if paths]
    if not found:
        return (), f"no segmentation in {folder}; looked for {', '.join(list_places(case))}"
    if len(found) > 1:
        return (), f"several segmentations in {folder}, {' and '.join(paths[0] for paths in found)}; keep one"
    return tuple(found[0]), ""
