"""The cohort: which cases there are, where their files lie, and which of them are held out.

Light on purpose: the Snakefile imports it.
"""

import random
import re
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from pathlib import Path

from kits.cli import UserError, atomic, remake

VOLUMES = ("imaging.nii.gz", "segmentation.nii.gz")
KITS19_LABELLED = 210
KITS19_UNLABELLED = range(KITS19_LABELLED, 300)
"""KiTS19's own test cases: its download script fetches their images, their labels were not published with them."""

CASE = re.compile(r"case_(\d{5})")
SUBSET = re.compile(rf"{CASE.pattern}\t(train|test)")


def case_name(number: int) -> str:
    """KiTS19's name of a case: 3 is `case_00003`."""
    return f"case_{number:05d}"


def case(text: str) -> str:
    """A case's name on a command line, where it becomes part of a path.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not CASE.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is no case; expected case_XXXXX, five digits")
    return text


def selected(cases: Sequence[int | str]) -> list[str]:
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
        names = ", ".join(map(case_name, twice))
        raise UserError(f"data.cases: {names} listed twice; list each case once")
    return [case_name(number) for number in sorted(numbers)]


def find_cases(root: Path) -> list[str]:
    """Names of the case folders under `root`, in order; KiTS19's unlabelled cases are left out.

    Raises:
        UserError: there is none.
    """
    if root.is_dir():
        cases = sorted(path.name for path in root.iterdir() if CASE.fullmatch(path.name))
        unlabelled = {case_name(number) for number in KITS19_UNLABELLED}
        cases = [case for case in cases if case not in unlabelled or (root / case / "segmentation.nii.gz").exists()]
        if cases:
            return cases
    raise UserError(
        f"data.root: no cohort in {root}; expected {root}/case_00000/imaging.nii.gz and segmentation.nii.gz, "
        "case_00001/..., as KiTS19 has them (https://github.com/neheller/kits19): point data.root at your copy, or "
        "fetch them with --config data='{source: download}'; `make demo` needs no data"
    )


def split_cases(
    cases: Sequence[str],
    *,
    scheme: str = "holdout",
    repeats: int = 1,
    test_cases: int | None = None,
    test_fraction: float | None = 0.1,
    seed: int = 0,
) -> list[dict[str, str]]:
    """Hold out whole cases at random (paper, section 2: 90 % and 10 %, "on a case basis"), once or several times.

    Args:
        cases: case names; their order does not matter.
        scheme: `holdout` draws the test cases of each split anew; `kfold` deals all cases into `repeats` folds of
            equal size, give or take one, and tests on one after the other.
        repeats: number of splits.
        test_cases: how many to hold out; wins over `test_fraction`. Neither counts in `kfold`.
        test_fraction: share to hold out, rounded to the nearest case, at least one.
        seed: of the first draw; further ones count up from it.

    Returns:
        For each split, `train` or `test` for each case, in the order of the names.

    Raises:
        UserError: no case would be left to train on, or none to test on.
    """
    names = sorted(cases)
    if scheme == "kfold":
        if not 2 <= repeats <= len(names):
            raise UserError(
                f"split.repeats: {repeats} folds of {len(names)} cases; give kfold 2 or more, at most one a case"
            )
        shuffled = random.Random(seed).sample(names, len(names))
        held_out = [set(shuffled[fold::repeats]) for fold in range(repeats)]
    else:
        count = test_cases
        if count is None:
            if test_fraction is None:
                raise UserError("split: set test_cases or test_fraction")
            count = max(1, round(len(names) * test_fraction))
        if not 1 <= count < len(names):
            raise UserError(
                f"split: {len(names)} cases are too few for {count} test cases and at least one to train on; "
                "set split.test_cases lower, set it to null to use split.test_fraction, or add cases"
            )
        held_out = [set(random.Random(seed + repeat).sample(names, count)) for repeat in range(repeats)]
    return [{name: "test" if name in test else "train" for name in names} for test in held_out]


def write_split(path: Path, subset: Mapping[str, str]) -> None:
    """Write columns `case` and `subset` (train or test)."""
    with atomic(path) as temporary:
        temporary.write_text("case\tsubset\n" + "".join(f"{case}\t{part}\n" for case, part in subset.items()))


def read_split(path: Path) -> dict[str, str]:
    """Read what `write_split` wrote.

    Raises:
        UserError: the file does not have the two columns, or ends within a line.
    """
    _, *lines = path.read_text(errors="replace").split("\n")
    if len(lines) > 1 and lines.pop() == "" and all(SUBSET.fullmatch(line) for line in lines):
        return dict(line.split("\t") for line in lines)
    raise UserError(f"{path} is not a split; expected the columns case and subset, train or test; {remake(path)}")
