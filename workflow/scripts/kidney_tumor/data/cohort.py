"""The cohort: which cases there are, and where their files lie.

This module imports nothing heavy, since the Snakefile imports it.
"""

import os
import re
from argparse import ArgumentTypeError
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kidney_tumor.errors import UserError

VOLUMES = ("imaging.nii.gz", "segmentation.nii.gz")
KITS19_LABELED = 210
KITS19_UNLABELED = range(KITS19_LABELED, 300)
"""The numbers of KiTS19's own test cases: its download script fetches their images, but no labels for them."""

NIFTI = (".nii.gz", ".nii")
SPECIAL = set("{}<>")
"""The characters that Snakemake would take for placeholders in a path."""
CASE = re.compile(r"case_(\d{5})")


class NoCohortError(UserError):
    """The folder that the configuration names holds no case."""


def name_case(number: int) -> str:
    """Return the name that KiTS19 gives a case: 3 is `case_00003`."""
    return f"case_{number:05d}"


def name_mask(path: Path) -> str:
    """Name a mask of the workflow by its path: `case_00003/kidney` or `case_00003`; empty for any other file."""
    name = path.name.removesuffix(".nii.gz")
    if name.startswith("."):  # the temporary name of a download
        return ""
    if CASE.fullmatch(name):
        return name
    return f"{path.parent.name}/{name}" if CASE.fullmatch(path.parent.name) and path.name not in VOLUMES else ""


def make_pattern(names: Collection[str]) -> str:
    """Make a regular expression that matches these names only, and nothing if there are none.

    Snakemake tries it on each path of each job. The names branch at each character, since a list of two thousand would
    be compared one after the other.
    """
    if not names:
        return "(?!)"
    branches: dict[str, set[str]] = {}
    for name in names:
        branches.setdefault(name[:1], set()).add(name[1:])
    parts = [
        re.escape(head) + (make_pattern(tails) if tails != {""} else "") for head, tails in sorted(branches.items())
    ]
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


def parse_case(text: str) -> str:
    """Check the name of a case on a command line, since it becomes part of a path.

    Raises:
        ArgumentTypeError: The text is not the name of a case.
    """
    if not CASE.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is not a case; expected case_XXXXX, with five digits")
    return text


def select_cases(cases: Sequence[int | str], key: str = "data.cases") -> list[str]:
    """Return the names of the cases in a list of numbers and inclusive ranges such as `[0, 3, "10-19"]`, in order.

    Raises:
        UserError: A range runs backwards, or a case is listed twice.
    """
    numbers: list[int] = []
    for item in cases:
        first, _, last = str(item).partition("-")
        span = range(int(first), int(last or first) + 1)
        if not span:
            raise UserError(f"{key}: the range {item} runs backwards; write it as {last}-{first}")
        numbers.extend(span)
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice:
        raise UserError(f"{key}: {format_cases(map(name_case, twice))} listed twice; list each case once")
    return [name_case(number) for number in sorted(numbers)]


def check_validation(count: int, training_cases: int) -> None:
    """Check that the validation cases leave cases to train on.

    Raises:
        UserError: No case would be left.
    """
    if count >= training_cases:
        raise UserError(
            f"training.validation_cases: {count} of {training_cases} training cases leave none to train on; "
            "lower the key"
        )


def format_cases(cases: Iterable[str]) -> str:
    """Write names of cases as text, consecutive numbers as ranges: `case_00003, case_00010 to case_00019, other`."""
    named = sorted(cases)
    others = [case for case in named if not CASE.fullmatch(case)]
    spans: list[list[int]] = []
    for number in (int(found[1]) for case in named if (found := CASE.fullmatch(case))):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    ranges = [name_case(a) if a == b else f"{name_case(a)} to {name_case(b)}" for a, b in spans]
    return ", ".join(ranges + others)


def find_cases(root: Path) -> list[str]:
    """List the names of the case folders under `root`, in order, without KiTS19's unlabeled cases.

    Raises:
        NoCohortError: There is no such folder.
    """
    if root.is_dir():
        cases = sorted(path.name for path in root.iterdir() if CASE.fullmatch(path.name))
        unlabeled = {name_case(number) for number in KITS19_UNLABELED}
        cases = [case for case in cases if case not in unlabeled or (root / case / "segmentation.nii.gz").exists()]
        if cases:
            return cases
    raise NoCohortError(
        f"data.root: no cohort in {root}; expected {root}/case_00000/imaging.nii.gz and segmentation.nii.gz, "
        "case_00001/..., as KiTS19 has them (https://github.com/neheller/kits19): point data.root at your copy, or "
        "fetch them with --config data='{source: download}'; `make demo` needs no data"
    )


def find_results(config: Mapping[str, Any]) -> str:
    """Find the folder of a run's results, relative to where the workflow runs, or absolute."""
    return os.path.normpath(os.path.join(os.path.expanduser(config["results"]), config["run"]))


def find_root(config: Mapping[str, Any]) -> str:
    """Find the cohort's folder; that of phantoms lies with the run's results, never in `data.root`."""
    if config["data"]["source"] == "phantom":
        return f"{find_results(config)}/cohort"
    return os.path.normpath(os.path.expanduser(config["data"]["root"]))


def find_cohort(config: Mapping[str, Any], root: str) -> list[str]:
    """Find the names of the cohort's cases: those there, or to be made or fetched, that the section `data` selects.

    Raises:
        NoCohortError: There is no cohort.
        UserError: No case is left, a case is listed twice, or a listed case or whole excluded range is not in the
            cohort.
    """
    data = config["data"]
    if data["source"] == "kits19":
        present = find_cases(Path(root))
        known = None  # the rule check_cohort reports cases without a folder, beside all other bad cases
    else:
        phantom = data["source"] == "phantom"
        number, what = (config["phantom"]["cases"], "phantom.cases") if phantom else (KITS19_LABELED, "KiTS19")
        present = known = [name_case(case) for case in range(number)]
    if not data["cases"]:
        raise UserError("data.cases: the list is empty; name at least two cases, or write `all`")
    cases = present if data["cases"] == "all" else select_cases(data["cases"])
    if known and (absent := set(cases) - set(known)):
        raise UserError(f"data.cases: {format_cases(absent)} not among the {number} of {what}")
    excluded = set(select_cases(data["exclude"], "data.exclude"))
    found = [set(select_cases([entry], "data.exclude")) for entry in data["exclude"]]
    if absent := set().union(*(numbers for numbers in found if not numbers & set(cases))):
        raise UserError(f"data.exclude: {format_cases(absent)} not among the cases; exclude only cases of the cohort")
    cases = [case for case in cases if case not in excluded]
    if not cases:
        raise UserError("data.exclude: no case is left; exclude fewer")
    return cases


def find_hidden(config: Mapping[str, Any], root: str) -> dict[str, Path]:
    """Find the images of KiTS19's hidden cases that the cohort's folder has, or will have when they are fetched."""
    if config["data"]["source"] == "phantom":
        return {}
    images = {name_case(number): Path(root, name_case(number), VOLUMES[0]) for number in KITS19_UNLABELED}
    if config["data"]["source"] == "download":
        return images
    return {case: path for case, path in images.items() if path.is_file()}


def find_complete(config: Mapping[str, Any], root: str, cases: Sequence[str], *volumes: str) -> list[str]:
    """List the cases that have all the given volumes, or all cases if the cohort is yet to be made or fetched."""
    if config["data"]["source"] != "kits19":
        return list(cases)
    return [case for case in cases if all((Path(root) / case / volume).is_file() for volume in volumes)]
