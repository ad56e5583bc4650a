"""The cohort: which cases there are, and where their files lie.

Light on purpose: the Snakefile imports it.
"""

import os
import re
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kits.cli import UserError

VOLUMES = ("imaging.nii.gz", "segmentation.nii.gz")
KITS19_LABELLED = 210
KITS19_UNLABELLED = range(KITS19_LABELLED, 300)
"""KiTS19's own test cases: its download script fetches their images, their labels were not published with them."""


class NoCohortError(UserError):
    """There is no case where the configuration says that the cohort lies."""


CASE = re.compile(r"case_(\d{5})")


def name_case(number: int) -> str:
    """KiTS19's name of a case: 3 is `case_00003`."""
    return f"case_{number:05d}"


def parse_case(text: str) -> str:
    """A case's name on a command line, where it becomes part of a path.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not CASE.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is no case; expected case_XXXXX, five digits")
    return text


def select_cases(cases: Sequence[int | str]) -> list[str]:
    """Case names of `data.cases`: numbers and inclusive ranges, as in `[0, 3, "10-19"]`.

    Raises:
        UserError: the list is empty, a range runs backwards, or a case is listed twice.
    """
    numbers: list[int] = []
    for item in cases:
        first, _, last = str(item).partition("-")
        span = range(int(first), int(last or first) + 1)
        if not span:
            raise UserError(f"data.cases: the range {item} runs backwards; write it as {last}-{first}")
        numbers.extend(span)
    if not numbers:
        raise UserError("data.cases: the list is empty; name at least two cases, or write `all`")
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice:
        names = ", ".join(map(name_case, twice))
        raise UserError(f"data.cases: {names} listed twice; list each case once")
    return [name_case(number) for number in sorted(numbers)]


def find_cases(root: Path) -> list[str]:
    """Names of the case folders under `root`, in order; KiTS19's unlabelled cases are left out.

    Raises:
        UserError: there is none.
    """
    if root.is_dir():
        cases = sorted(path.name for path in root.iterdir() if CASE.fullmatch(path.name))
        unlabelled = {name_case(number) for number in KITS19_UNLABELLED}
        cases = [case for case in cases if case not in unlabelled or (root / case / "segmentation.nii.gz").exists()]
        if cases:
            return cases
    raise NoCohortError(
        f"data.root: no cohort in {root}; expected {root}/case_00000/imaging.nii.gz and segmentation.nii.gz, "
        "case_00001/..., as KiTS19 has them (https://github.com/neheller/kits19): point data.root at your copy, or "
        "fetch them with --config data='{source: download}'; `make demo` needs no data"
    )


def find_cohort(config: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The cohort's folder and the names of its cases.

    A phantom cohort lies with the run's results, never in `data.root`, where real data may be or be fetched.

    Raises:
        UserError: there is no cohort, it is empty, or a case is listed twice.
    """
    data, chosen = config["data"], config["data"]["cases"]
    root = os.path.normpath(os.path.expanduser(data["root"]))
    if data["source"] != "kits19":
        phantom = data["source"] == "phantom"
        number, what = (config["phantom"]["cases"], "phantom.cases") if phantom else (KITS19_LABELLED, "KiTS19")
        present = [name_case(case) for case in range(number)]
        cases = present if chosen == "all" else select_cases(chosen)
        absent = sorted(set(cases) - set(present))
        if absent:
            raise UserError(f"data.cases: {', '.join(absent)} not among the {number} of {what}")
        return f"results/{config['run']}/cohort" if phantom else root, cases
    present = find_cases(Path(root))
    return root, present if chosen == "all" else select_cases(chosen)


def find_complete(config: Mapping[str, Any], root: str, cases: list[str], *volumes: str) -> list[str]:
    """The cases that have all of some files; of a cohort that is yet to be made or fetched, all cases."""
    if config["data"]["source"] != "kits19":
        return cases
    return [case for case in cases if all((Path(root) / case / volume).is_file() for volume in volumes)]
