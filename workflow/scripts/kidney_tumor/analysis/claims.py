"""The comparison of the paper's checkable claims with the results of a run."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from kidney_tumor.analysis.scoring import STAGES
from kidney_tumor.analysis.statistics import bound_next_mean, bound_next_median
from kidney_tumor.analysis.summary import average_by_case, count_false_positives
from kidney_tumor.data.cohort import KITS19_LABELED
from kidney_tumor.data.targets import TARGETS

NOT_STATED = "no figure in the paper"
TOO_FEW = "cannot be checked: Dice is defined in too few cases"


class Finding(NamedTuple):
    """The result of a run that corresponds to a claim of the paper.

    Attributes:
        here: The result as text.
        low: The lower end of its 95 % interval, NaN if it has none.
        high: The upper end of its 95 % interval, NaN if it has none.
        accepted: The ranges, (low, high), in which the paper's figure does not contradict the run.
        sampled: Whether the figure is a statistic of a sample of cases, which differs from sample to sample.
    """

    here: str
    low: float
    high: float
    accepted: Sequence[tuple[float, float]]
    sampled: bool


def check_claims(
    paper: pd.DataFrame,
    dice: pd.DataFrame,
    scores: pd.DataFrame,
    splits: Sequence[Mapping[str, str]],
    ratios: Mapping[str, float | None],
    histories: Mapping[str, Sequence[Mapping[str, float]]],
    source: str,
    deviations: Sequence[str],
) -> pd.DataFrame:
    """Compare every claim of the paper with the results of a run.

    Args:
        paper: The table `workflow/resources/paper_claims.tsv` with the columns claim, section, paper and settings (the
            configuration keys on which the claim depends).
        dice: The table that `summary.summarize_dice` returns.
        scores: The tables that `scoring.score_case` returns, of all test cases.
        splits: For each split, `train` or `test` for each case.
        ratios: The lowest and the highest eigenvalue ratio that the filter accepts, `low` and `high`; None for
            any ratio.
        histories: For the network of each target, its epochs with their loss.
        source: The source of the cohort, `kits19` or `phantom`.
        deviations: The configuration keys whose values are not the paper's, `training.epochs` for example.

    Returns:
        A table with the columns claim, section, paper, here (text), low and high (the 95 % interval of the result here)
        and verdict, and a row for each claim. The verdict on a mean or median over the test cases is `differs` if the
        paper's figure lies outside the 95 % prediction interval for as many cases as the paper tested, else
        `compatible`, with this interval: both samples vary, and since the paper states no spread, its cases are assumed
        to spread like the cases here. Any other verdict is `agrees` or `differs`. Figures are compared after rounding
        as in the paper.

    Raises:
        KeyError: The paper's table has a claim that this function does not know.
    """
    found: dict[str, Finding] = {}
    for part in ("train", "test"):
        found[f"{part} cases"] = _make_exact(sum(subset == part for subset in splits[0].values()))
    found |= {f"accepted ratio, {end}": _make_exact(ratios[end]) for end in ("low", "high")}
    rows = dice.set_index(["stage", "target"])
    found |= _find_dices(rows, scores, int(paper.set_index("claim").loc["test cases", "paper"]))
    found["test cases that lose all tumor detections"] = _make_exact(rows.loc["after", "tumor"]["emptied"])
    false = average_by_case(scores.assign(dice=count_false_positives(scores))).xs(
        "kidney_tumor", axis=1, level="target"
    )
    fewer = (false["after"] < false["before"])[false["before"] > 0]
    found["share of test cases with false kidney voxels that lose some"] = _make_exact(fewer.mean())
    for target, history in histories.items():
        found[f"epoch of the lowest loss or of the early stop, {target} network"] = _find_convergence(history)
    table = paper.drop(columns="settings")
    findings = [found[claim] for claim in table["claim"]]
    for column in ("here", "low", "high"):
        table[column] = [getattr(finding, column) for finding in findings]
    obstacles = [_find_obstacle(source, len(splits[0]), deviations, needed.split()) for needed in paper["settings"]]
    table["verdict"] = [
        obstacle or _judge(stated, finding)
        for obstacle, stated, finding in zip(obstacles, table["paper"], findings, strict=True)
    ]
    return table


def _find_dices(dice: pd.DataFrame, scores: pd.DataFrame, tested: int) -> dict[str, Finding]:
    """Find the median and mean Dice, by the index stage and target of `dice`, for claims on `tested` test cases."""
    dices, found = average_by_case(scores), {}
    for stage in STAGES:
        for target in TARGETS:
            row, values = dice.loc[stage, target], dices[stage, target].dropna().to_numpy(float)
            for name, bound in (("median", bound_next_median), ("mean", bound_next_mean)):
                ends = row[f"{name}_low"], row[f"{name}_high"]
                accepted = [bound(values, tested)]
                found[f"{name} Dice, {target}, {stage}"] = Finding(_format(row[name]), *ends, accepted, sampled=True)
    return found


def _format(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"


def _make_exact(given: float | None) -> Finding:
    value = math.nan if given is None else given
    return Finding(_format(value), math.nan, math.nan, [(value, value)], sampled=False)


def _find_convergence(history: Sequence[Mapping[str, float]]) -> Finding:
    """Find when a network converged: the paper's "early stopped" (2.1.1) can mean the best or the last epoch."""
    best, last = min(history, key=lambda epoch: epoch["loss"])["epoch"], history[-1]["epoch"]
    here = f"lowest loss in epoch {best}, last epoch {last}"
    return Finding(here, math.nan, math.nan, [(best, best), (last, last)], sampled=False)


def _find_obstacle(source: str, cases: int, deviations: Sequence[str], needed: Sequence[str]) -> str | None:
    """Say why a claim that depends on some configuration keys or sections cannot be checked; return None if it can."""
    if source == "phantom":
        return f"cannot be checked: {cases} phantoms, not KiTS19"
    if cases != KITS19_LABELED:
        return f"cannot be checked: {cases} of {KITS19_LABELED} cases"
    others = [key for key in deviations if any(f"{key}.".startswith(f"{part}.") for part in needed)]
    return f"cannot be checked: {', '.join(others)} not as in the paper" if others else None


def _judge(paper: str, finding: Finding) -> str:
    """Judge whether the paper's figure, or range of figures, overlaps an accepted range, rounded alike."""
    first, _, last = paper.partition("-")
    try:
        bounds = float(first), float(last or first)
    except ValueError:
        return NOT_STATED
    if not finding.here:
        return "undefined here"
    if any(math.isnan(low) for low, _ in finding.accepted):
        return TOO_FEW
    decimals = len(first.partition(".")[2])
    if any(round(low, decimals) <= bounds[1] and bounds[0] <= round(high, decimals) for low, high in finding.accepted):
        if not finding.sampled:
            return "agrees"
        [(low, high)] = finding.accepted
        return f"compatible, as {low:.{decimals}f} to {high:.{decimals}f} would be"
    return "differs"
