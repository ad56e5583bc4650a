"""The split of the cohort into training and test cases.

This module imports nothing heavy, since the Snakefile imports it.
"""

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kidney_tumor.data.cohort import CASE
from kidney_tumor.errors import UserError
from kidney_tumor.files import suggest_remake, write_text

SUBSET = re.compile(rf"{CASE.pattern}\t(train|test)")


def split_cases(
    cases: Sequence[str], *, scheme: str, repeats: int, test_cases: int | None, test_fraction: float | None, seed: int
) -> list[dict[str, str]]:
    """Hold out whole cases at random (paper, section 2: 90 % and 10 %, "on a case basis"), once or several times.

    Args:
        cases: The names of the cases, in any order.
        scheme: As all that follow, a key of the configuration's section `split`. Folds differ in size by at most one.
        repeats: The number of splits or folds.
        test_cases: The number of cases to hold out.
        test_fraction: The share of cases to hold out, rounded to the nearest number of cases, at least one.
        seed: The seed of the first split; each further split has the next number.

    Returns:
        For each split, `train` or `test` for each case, in the order of the names.

    Raises:
        UserError: No case would be left to train on, or none to test on.
    """
    names = sorted(cases)
    if scheme == "kfold":
        if not 2 <= repeats <= len(names):
            raise UserError(
                f"split.repeats: {repeats} folds of {len(names)} cases; set it to 2 or more, at most one per case"
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


def select_effective(section: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Select the keys of the configuration's section `split` that decide one of its splits.

    Args:
        section: The whole section.
        number: The number of the split, from 1.

    Returns:
        The arguments of `split_cases` that decide this split, and its number.
    """
    keys = {key: section[key] for key in ("scheme", "seed")} | {"repeats": number, "number": number}
    if section["scheme"] == "kfold":
        return keys | {"repeats": section["repeats"]}
    if section["test_cases"] is None:
        return keys | {key: section[key] for key in ("test_cases", "test_fraction")}
    return keys | {"test_cases": section["test_cases"]}


def write_split(path: Path, subset: Mapping[str, str]) -> None:
    """Write a split as a table with the columns `case` and `subset` (train or test)."""
    write_text(path, "case\tsubset\n" + "".join(f"{case}\t{part}\n" for case, part in subset.items()))


def read_split(path: Path) -> dict[str, str]:
    """Read a split that `write_split` wrote.

    Raises:
        UserError: The file does not have the two columns, or ends within a line.
    """
    _, *lines = path.read_text(errors="replace").split("\n")
    if len(lines) > 1 and lines.pop() == "" and all(SUBSET.fullmatch(line) for line in lines):
        return dict(line.split("\t") for line in lines)
    raise UserError(
        f"{path} is not a split; expected the columns case and subset, train or test; {suggest_remake(path)}"
    )
