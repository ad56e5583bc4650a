"""The paper's checkable claims beside what a run gives."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from kits.analysis.scoring import STAGES, average_by_case, count_false_positives
from kits.data.cohort import KITS19_LABELLED
from kits.data.targets import TARGETS

NOT_STATED = "no figure in the paper"


def check_claims(
    paper: pd.DataFrame,
    dice: pd.DataFrame,
    scores: pd.DataFrame,
    splits: Sequence[Mapping[str, str]],
    ratios: Mapping[str, float],
    histories: Mapping[str, Sequence[Mapping[str, float]]],
    source: str,
    deviations: Sequence[str],
) -> pd.DataFrame:
    """Put every claim beside what came out.

    Args:
        paper: columns claim, section, paper, settings (what it depends on); `workflow/resources/paper_claims.tsv`.
        dice: as `summary.summarize` returns.
        scores: as `scoring.score` returns, of all test cases.
        splits: `train` or `test` for each case.
        ratios: low and high, of the filter.
        histories: epochs of a trained network of each target, with their loss.
        source: `kits19` or `phantom`.
        deviations: settings of the run that are not the paper's, `training.epochs` for example.

    Returns:
        Columns claim, section, paper, here, low, high (95 % interval of what is here), verdict; a row for each claim.

    Raises:
        KeyError: a claim of the paper that this function does not know.
    """
    here: dict[str, tuple[float, float, float]] = {}
    for part in ("train", "test"):
        here[f"{part} cases"] = _exact(sum(subset == part for subset in splits[0].values()))
    here |= {f"accepted ratio, {end}": _exact(ratios[end]) for end in ("low", "high")}
    rows = dice.set_index(["stage", "target"])
    for stage in STAGES:
        for target in TARGETS:
            row = rows.loc[stage, target]
            for name in ("median", "mean"):
                here[f"{name} Dice, {target}, {stage}"] = (row[name], row[f"{name}_low"], row[f"{name}_high"])
    here["test cases that lose all tumor detections"] = _exact(rows.loc["after", "tumor"]["emptied"])
    false = average_by_case(scores.assign(dice=count_false_positives(scores))).xs(
        "kidney_tumor", axis=1, level="target"
    )
    fewer = (false["after"] < false["before"])[false["before"] > 0]
    here["share of test cases with false kidney voxels that lose some"] = _exact(fewer.mean())
    for target, history in histories.items():
        best = min(history, key=lambda epoch: epoch["loss"])
        here[f"epoch of the lowest loss, {target} network"] = _exact(best["epoch"])
    table = paper.drop(columns="settings")
    table[["here", "low", "high"]] = [here[claim] for claim in table["claim"]]
    obstacles = [_obstacle(source, len(splits[0]), deviations, needed.split()) for needed in paper["settings"]]
    rows = table[["paper", "here", "low", "high"]].to_numpy()
    table["verdict"] = [obstacle or _verdict(*row) for obstacle, row in zip(obstacles, rows, strict=True)]
    return table


def _exact(value: float) -> tuple[float, float, float]:
    return float(value), float("nan"), float("nan")


def _obstacle(source: str, cases: int, deviations: Sequence[str], needed: Sequence[str]) -> str | None:
    """Why a claim that depends on some settings, or sections of them, cannot be checked on a run."""
    if source == "phantom":
        return f"cannot be checked: {cases} phantoms, not KiTS19"
    if cases != KITS19_LABELLED:
        return f"cannot be checked: {cases} of {KITS19_LABELLED} cases"
    others = [key for key in deviations if any(f"{key}.".startswith(f"{part}.") for part in needed)]
    return f"cannot be checked: {', '.join(others)} not as in the paper" if others else None


def _verdict(paper: Any, here: float, low: float, high: float) -> str:
    """Whether the paper's figure lies in the interval, or is what is here, rounded as the paper rounds."""
    first, _, last = str(paper).partition("-")
    try:
        bounds = float(first), float(last or first)
    except ValueError:
        return NOT_STATED
    if low == low:
        return "agrees" if low <= bounds[0] <= high else "differs"
    if here != here:
        return "undefined here"
    decimals = len(first.partition(".")[2])
    return "agrees" if bounds[0] <= round(here, decimals) <= bounds[1] else "differs"
