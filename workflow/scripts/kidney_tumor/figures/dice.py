"""The paper's Fig. 3, and the same cases in pairs."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from kidney_tumor.analysis.scoring import STAGES
from kidney_tumor.analysis.statistics import format_p
from kidney_tumor.analysis.summary import average_by_case
from kidney_tumor.data.targets import TARGETS
from kidney_tumor.figures.style import COLORS, TITLES, mark_phantom, save

FALLS, OTHERS = "tab:red", "tab:gray"
"""The colors of cases whose Dice falls, and of all others."""


def plot_dice(scores: pd.DataFrame, phantom: bool, paths: Sequence[Path]) -> None:
    """Draw the paper's Fig. 3: Dice of kidney + tumor (left) and tumor (right), before (blue) and after (red).

    Args:
        scores: The table that `summary.average_by_case` takes; undefined values are left out.
        phantom: Whether the cases are phantoms, which is said.
        paths: The files to write, .png, .svg or .pdf.
    """
    dices = average_by_case(scores)
    figure, axes = plt.subplots(1, 2, figsize=(7, 4), sharey=True, layout="constrained")
    for axis, target in zip(axes, TARGETS, strict=True):
        names = []
        for position, stage in enumerate(STAGES):
            values = dices[stage, target].dropna().to_numpy()
            draw_box(axis, position, values, COLORS[stage])
            names.append(f"{stage}\npost-processing\n(n = {len(values)})")
        axis.set_xticks(range(len(STAGES)), names)
        axis.set_title(TITLES[target])
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("Dice")
    axes[0].set_ylim(-0.03, 1.03)
    mark_phantom(figure, phantom)
    save(figure, paths)


def draw_box(axis: Axes, position: float, values: np.ndarray, color: str) -> None:
    """Draw a box plot of some values, shape (cases,), and each value as a dot, at a position on the x axis."""
    axis.boxplot(
        [values],
        positions=[position],
        widths=0.55,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": color, "alpha": 0.5},
        medianprops={"color": "black"},
    )
    spread = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.zeros(len(values))
    axis.plot(position + spread, values, "o", color=color, markersize=4, alpha=0.8)


def plot_pairs(scores: pd.DataFrame, effect: pd.DataFrame, phantom: bool, path: Path) -> None:
    """Draw the Dice of each case before and after post-processing, joined by a line: red where it falls.

    Args:
        scores: The rows that `average_by_case` takes; undefined values are left out.
        effect: The table that `measure_effect` returns for them.
        phantom: Whether the cases are phantoms, which is said.
        path: The file to write, .png.
    """
    dices = average_by_case(scores)
    figure, axes = plt.subplots(1, 2, figsize=(7, 4.7), sharey=True, layout="constrained")
    for axis, target in zip(axes, TARGETS, strict=True):
        for before, after in dices[[(stage, target) for stage in STAGES]].dropna().to_numpy():
            axis.plot([0, 1], [before, after], "o-", color=FALLS if after < before else OTHERS, alpha=0.7)
        axis.set_title(f"{TITLES[target]}\n{_describe_change(effect.set_index('target').loc[target])}", fontsize=10)
        axis.set_xticks([0, 1], [f"{stage}\npost-processing" for stage in STAGES])
        axis.set_xlim(-0.3, 1.3)
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("Dice")
    axes[0].set_ylim(-0.03, 1.03)
    names = {"a case whose Dice falls": FALLS, "a case whose Dice rises or stays": OTHERS}
    handles = [Line2D([], [], marker="o", color=color, label=name) for name, color in names.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    mark_phantom(figure, phantom)
    save(figure, [path])


def _describe_change(row: pd.Series) -> str:
    """Describe a row of the table that `measure_effect` returns; a single case has neither interval nor test."""
    if row["n"] < 2:
        return "too few cases for an interval or a test"
    interval = f"95 % interval {row['mean_low']:+.3f} to {row['mean_high']:+.3f}"
    test = f"signed-rank test {format_p(row['wilcoxon_p'])}"
    return f"mean change {row['mean']:+.3f}, n = {int(row['n'])}\n{interval}\n{test}"
