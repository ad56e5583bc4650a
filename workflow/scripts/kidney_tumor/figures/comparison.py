"""Dice and surface Dice of this run and of other methods on the same cases."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from kidney_tumor.analysis.comparison import average_measure
from kidney_tumor.analysis.method_scores import TOLERANCES_MM
from kidney_tumor.data.targets import TARGETS
from kidney_tumor.figures.dice import draw_box
from kidney_tumor.figures.style import COLORS, TITLES, save

ROWS = {"dice": "Dice", "surface_dice": "surface Dice"}
OTHERS = ("tab:gray", "tab:green", "tab:purple", "tab:orange", "tab:cyan", "tab:olive", "tab:pink", "tab:brown")
"""The colors of the other methods; this run has that of its post-processed masks."""


def plot_comparison(table: pd.DataFrame, paths: Sequence[Path]) -> None:
    """Draw the Dice (above) and the surface Dice (below) of kidney + tumor (left) and tumor (right) of each method.

    Args:
        table: The table that `comparison.average_measure` takes; undefined values are left out.
        paths: The files to write, .png or .svg.
    """
    methods = table["method"].unique()
    width = max(8.0, 1.6 * len(methods) + 3)
    figure, axes = plt.subplots(2, 2, figsize=(width, 7), sharex="col", sharey=True, layout="constrained")
    for row, (measure, title) in zip(axes, ROWS.items(), strict=True):
        for axis, target in zip(row, TARGETS, strict=True):
            values = average_measure(table, target, measure)
            names = []
            for position, method in enumerate(methods):
                color = OTHERS[(position - 1) % len(OTHERS)] if position else COLORS["after"]
                known = values[method].dropna().to_numpy()
                draw_box(axis, position, known, color)
                names.append(f"{method}\n(n = {len(known)})")
            axis.set_xticks(range(len(methods)), names, rotation=20, ha="right", rotation_mode="anchor")
            axis.set_xlim(-0.6, len(methods) - 0.4)
            within = f", within {TOLERANCES_MM[target]:.3f} mm" if measure == "surface_dice" else ""
            axis.set_title(f"{TITLES[target]}: {title}{within}", fontsize=10)
            axis.grid(axis="y", alpha=0.3)
        row[0].set_ylabel(title)
    axes[0, 0].set_ylim(-0.03, 1.03)
    save(figure, paths)
