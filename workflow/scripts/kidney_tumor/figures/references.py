"""This run's Dice beside results that others have published."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from kidney_tumor.analysis.summary import average_by_case
from kidney_tumor.data.targets import TARGETS
from kidney_tumor.figures.dice import draw_box
from kidney_tumor.figures.style import COLORS, TITLES, save

REFERENCE_COLUMNS = ("method", "data", "cases", *TARGETS, "kidney", "mean", "source", "differs")
"""The columns of the table of published results."""
LEAST_CASES = 20
"""The number of cases, the paper's, below which published means are not drawn beside a run."""


def plot_references(scores: pd.DataFrame, references: pd.DataFrame, phantom: bool, paths: Sequence[Path]) -> None:
    """Draw this run's Dice after post-processing with its mean, and beside it published means of the same target.

    Beside phantoms, or fewer than `LEAST_CASES` cases, nothing published is drawn, since it would invite a comparison.
    A mean over targets and a kidney without its tumor have no place on either axis; they stand in the table alone.

    Args:
        scores: The table that `summary.average_by_case` takes; undefined values are left out.
        references: The table `workflow/resources/references.tsv`, whose empty cells are NaN.
        phantom: Whether the cases are phantoms.
        paths: The files to write, .png or .svg.
    """
    dices = average_by_case(scores)["after"]
    if phantom or len(dices) < LEAST_CASES:
        references = references.iloc[:0]
    counts = [1 + int(references[target].notna().sum()) for target in TARGETS]
    figure, axes = plt.subplots(
        1, 2, figsize=(9, 5.2), sharey=True, layout="constrained", gridspec_kw={"width_ratios": counts}
    )
    for axis, target in zip(axes, TARGETS, strict=True):
        values = dices[target].dropna().to_numpy()
        draw_box(axis, 0, values, COLORS["after"])
        published = references.dropna(subset=target)
        places = range(1, len(published) + 1)
        axis.axvspan(0.5, len(published) + 0.5, color="black", alpha=0.06, linewidth=0)
        axis.plot(places, published[target], "D", color="black", markersize=6)
        if len(values):
            axis.plot(0, values.mean(), "D", color="black", markerfacecolor="white", markersize=6)
        for place, value in zip(places, published[target], strict=True):
            axis.annotate(f"{value:g}", (place, value), (0, -8), textcoords="offset points", ha="center", va="top")
        here = f"this run{', phantoms' if phantom else ''}\n(n = {len(values)})"
        names = [_name_reference(row) for _, row in published.iterrows()]
        axis.set_xticks([0, *places], [here, *names], rotation=35, ha="right", rotation_mode="anchor", fontsize=9)
        if len(published):
            axis.text((len(published) + 1) / 2, 0.02, "published means,\nnot measured here", ha="center", fontsize=9)
        axis.set_xlim(-0.5, len(published) + 0.5)
        axis.set_title(TITLES[target])
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("Dice")
    axes[0].set_ylim(-0.03, 1.03)
    if phantom:
        figure.suptitle("PHANTOMS, not comparable with what is published on patients", color="tab:red")
    elif references.empty:
        figure.suptitle(f"Fewer than {LEAST_CASES} cases, too few to stand beside published means")
    save(figure, paths)


def _name_reference(row: pd.Series) -> str:
    """Name a published result: its method, its data and the number of cases where it is known."""
    return f"{row['method']}\n{row['data']}" + ("" if pd.isna(row["cases"]) else f" (n = {row['cases']:.0f})")
