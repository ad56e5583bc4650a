"""The parts of the cohort on which a run works: by the files that the cases have, and by the splits.

This module imports nothing heavy, since the Snakefile imports it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kidney_tumor.data import cohort
from kidney_tumor.data.split import split_cases
from kidney_tumor.errors import UserError

SHOWN = 3
"""The number of missing files that a message names."""


@dataclass(frozen=True)
class Cohort:
    """The cohort of a run, and its parts. Cases are names, in order.

    Attributes:
        root: The folder of the cohort.
        is_phantom: Whether its cases are phantoms.
        hidden: The images of KiTS19's hidden cases, by the case.
        missing: Why there is no cohort, or none that the splits can divide; empty if there is one.
        cases: All cases of the run.
        complete: Those with an image and a label, or that will have both when they are made or fetched.
        labeled: Those with a label, likewise.
        trained: The complete cases on which the networks of each split are trained, by the split's folder below the
            run's: `split_1/`, or empty if there is only one.
        tested: The complete cases on which they are tested, likewise.
    """

    root: str
    is_phantom: bool
    hidden: dict[str, Path]
    missing: str = ""
    cases: list[str] = field(default_factory=list)
    complete: list[str] = field(default_factory=list)
    labeled: list[str] = field(default_factory=list)
    trained: dict[str, list[str]] = field(default_factory=lambda: {"": []})
    tested: dict[str, list[str]] = field(default_factory=lambda: {"": []})

    @property
    def source(self) -> str:
        """The word for its cases in tables and figures: `phantom` or `kits19`."""
        return "phantom" if self.is_phantom else "kits19"

    def describe_lacking(self) -> str:
        """Describe in a line which files the cases lack, three at most and the number of all; empty if none."""
        complete = set(self.complete)
        places = [Path(self.root, case, name) for case in self.cases if case not in complete for name in cohort.VOLUMES]
        lacking = [str(path) for path in places if not path.is_file()]
        others = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
        return f"the cohort lacks {', '.join(lacking[:SHOWN])}{others}" if lacking else ""

    @property
    def splits(self) -> list[str]:
        """The folders of the splits below the run's: `split_1/` and so on, or empty if there is only one."""
        return list(self.trained)


def divide_cohort(config: Mapping[str, Any], root: str) -> Cohort:
    """Find the cohort in a folder, and divide it as the configuration says.

    Raises:
        UserError: The configuration selects no such cases, or none would be left to train on beside those that
            validate.
    """
    found = Cohort(root, config["data"]["source"] == "phantom", cohort.find_hidden(config, root))
    try:
        cases = cohort.find_cohort(config, root)
    except cohort.NoCohortError as error:
        return replace(found, missing=str(error))
    complete = cohort.find_complete(config, root, cases, *cohort.VOLUMES)
    try:
        splits = split_cases(cases, **config["split"])
    except UserError as error:
        return replace(found, missing=str(error))
    folders = [f"split_{number}/" for number in range(1, len(splits) + 1)] if len(splits) > 1 else [""]
    trained, tested = (
        {
            folder: [case for case in complete if subsets[case] == subset]
            for folder, subsets in zip(folders, splits, strict=True)
        }
        for subset in ("train", "test")
    )
    if fewest := min(map(len, trained.values())):
        cohort.check_validation(config["training"]["validation_cases"], fewest)
    labeled = cohort.find_complete(config, root, cases, "segmentation.nii.gz")
    return replace(found, cases=cases, complete=complete, labeled=labeled, trained=trained, tested=tested)
