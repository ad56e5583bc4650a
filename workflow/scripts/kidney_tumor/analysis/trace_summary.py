"""What each step of the method costs the true masks, over all cases."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from kidney_tumor.analysis.statistics import SHARE, bound_mean
from kidney_tumor.analysis.trace import STEPS, TRIMMED
from kidney_tumor.data.targets import TARGETS


def summarize_steps(trace: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Compute the mean and median Dice after each step, the cost of the step, and how many cases it empties.

    Args:
        trace: The rows that `trace_case` returns, of all cases; those without the target are left out.
        seed: The seed of the intervals.

    Returns:
        A table with the columns target, step, n; mean, with its 95 % interval mean_low and mean_high; median; cost (the
        fall of the mean Dice at this step, for `TRIMMED` from the truth); and emptied (the number of cases that lose
        the last voxel of the target at this step, for `TRIMMED` at any).
    """
    labeled = trace[trace["label_voxels"] > 0]
    rows = []
    for target in TARGETS:
        wide = labeled[labeled["target"] == target].pivot(index="case", columns="step", values=["dice", "voxels"])
        before, gone = 1.0, pd.Series(False, wide.index)
        for step in (*STEPS, TRIMMED):
            if step == TRIMMED:
                before, gone = 1.0, gone & False
            dice, empty = wide["dice", step], wide["voxels", step] == 0
            low, high = bound_mean(dice.to_numpy(float), SHARE, seed) if len(dice) > 1 else (np.nan, np.nan)
            rows.append(
                {
                    "target": target,
                    "step": step,
                    "n": len(dice),
                    "mean": dice.mean(),
                    "mean_low": low,
                    "mean_high": high,
                    "median": dice.median(),
                    "cost": before - dice.mean(),
                    "emptied": int((empty & ~gone).sum()),
                }
            )
            before, gone = dice.mean(), gone | empty
    return pd.DataFrame(rows)


def describe_loss(summary: pd.DataFrame) -> Iterator[str]:
    """Describe in a sentence for each target what all steps leave of the true masks, by the table of steps."""
    for target, rows in summary[summary["step"] != TRIMMED].groupby("target", sort=False):
        last = rows.iloc[-1]
        yield (
            f"true masks after all steps: mean Dice of {target.replace('_', ' + ')} {last['mean']:.3f} "
            f"[{last['mean_low']:.3f}, {last['mean_high']:.3f}], n = {last['n']}; "
            f"emptied cases: {rows['emptied'].sum()}"
        )


def find_costliest_step(tumor: pd.DataFrame) -> tuple[str, float, float]:
    """Find the step at which the Dice of a case's tumor falls most; of equal ones, the first.

    Args:
        tumor: The rows of the tumor among those that `trace_case` returns.

    Returns:
        The name of the step, and the Dice before and after it; before the first step, it is 1.
    """
    dices = [1.0, *tumor.set_index("step").loc[list(STEPS), "dice"]]
    return max(zip(STEPS, dices, dices[1:], strict=False), key=lambda entry: entry[1] - entry[2])


def find_worst_cases(trace: pd.DataFrame, count: int = 3) -> list[str]:
    """Find the cases whose tumor loses most Dice over all steps; of equal ones, those that lose most voxels."""
    final = trace[(trace["target"] == "tumor") & (trace["step"] == STEPS[-1]) & (trace["label_voxels"] > 0)]
    lost = final.assign(lost=final["label_voxels"] - final["voxels"])
    return lost.sort_values(["dice", "lost", "case"], ascending=[True, False, True])["case"].head(count).tolist()
