"""The cohort: which cases there are, where their files lie, and which of them are held out.

Light on purpose: the Snakefile imports it.
"""

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from kits.cli import UserError, atomic

VOLUMES = ("imaging.nii.gz", "segmentation.nii.gz")
KITS19_UNLABELLED = range(210, 300)
"""KiTS19's own test cases: its download script fetches their images, their labels were not published with them."""

CASE = re.compile(r"case_(\d{5})")


def case_name(number: int) -> str:
    """KiTS19's name of a case: 3 is `case_00003`."""
    return f"case_{number:05d}"


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
        "case_00001/..., as KiTS19 has them (get it with https://github.com/neheller/kits19, "
        "or point data.root at your copy); `make demo` needs no data"
    )


def split_cases(cases: Sequence[str], test_cases: int | None, test_fraction: float | None, seed: int) -> dict[str, str]:
    """Hold out whole cases at random (paper, section 2: 90 % and 10 %, "on a case basis").

    Args:
        cases: case names; their order does not matter.
        test_cases: how many to hold out; wins over `test_fraction`.
        test_fraction: share to hold out, rounded to the nearest case, at least one.
        seed: of the draw.

    Returns:
        `train` or `test` for each case, in the order of the names.

    Raises:
        UserError: no case would be left to train on, or none to test on.
    """
    count = test_cases
    if count is None:
        if test_fraction is None:
            raise UserError("split: set test_cases or test_fraction")
        count = max(1, round(len(cases) * test_fraction))
    if not 1 <= count < len(cases):
        raise UserError(
            f"split: {len(cases)} cases are too few for {count} test cases and at least one to train on; "
            "set split.test_cases lower, set it to null to use split.test_fraction, or add cases"
        )
    names = sorted(cases)
    held_out = set(random.Random(seed).sample(names, count))
    return {name: "test" if name in held_out else "train" for name in names}


def write_split(path: Path, subset: Mapping[str, str]) -> None:
    """Write columns `case` and `subset` (train or test)."""
    with atomic(path) as temporary:
        temporary.write_text("case\tsubset\n" + "".join(f"{case}\t{part}\n" for case, part in subset.items()))


def read_split(path: Path) -> dict[str, str]:
    """Read what `write_split` wrote.

    Raises:
        UserError: the file does not have the two columns.
    """
    try:
        return dict(line.split("\t") for line in path.read_text().splitlines()[1:])
    except ValueError as error:
        raise UserError(f"{path} is not a split; expected the columns case and subset; make it again") from error
