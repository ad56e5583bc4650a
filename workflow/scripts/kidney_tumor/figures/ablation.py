"""What each constraint of the filter does."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from kidney_tumor.data.targets import TARGETS
from kidney_tumor.figures.style import TITLES, save
from kidney_tumor.filter.options import CONSTRAINTS_OFF, FilterOptions, name_change

WITHOUT = {
    "fill_holes": "no hole filling",
    "kidney_components": "all kidney components",
    "min_component_voxels": "any tumor size",
    "percentiles": "any tumor shape",
    "tumor_kidney_overlap": "any overlap",
    "everything": "no filter",
}


def plot_ablation(variants: Sequence[FilterOptions], ablation: pd.DataFrame, paths: Sequence[Path]) -> None:
    """Draw the mean Dice with its 95 % interval for each constraint off, percentile range and smallest overlap.

    Args:
        variants: The configured options first.
        ablation: The table that `compare_variants` returns for them.
        paths: The files to write, .png or .svg.
    """
    figure, axes = plt.subplots(2, 3, figsize=(11, 6.5), sharey="row", layout="constrained")
    changes = [name_change(variant, variants[0]) for variant in variants]
    off = [
        number
        for number, variant in enumerate(variants)
        if all(getattr(variant, name) in (getattr(variants[0], name), value) for name, value in CONSTRAINTS_OFF.items())
    ]
    names = ["as configured", *(WITHOUT[changes[number]] for number in off[1:])]
    for row, target in zip(axes, TARGETS, strict=True):
        table = ablation[ablation["target"] == target].reset_index(drop=True)
        _draw_points(row[0], table.loc[off], names)
        for axis, key in ((row[1], "percentiles"), (row[2], "tumor_kidney_overlap")):
            values = {
                number: getattr(variant, key)
                for number, variant in enumerate(variants)
                if changes[number] in ("nothing", key) and getattr(variant, key) is not None
            }
            order = sorted(values, key=values.__getitem__)
            _draw_points(axis, table.loc[order], table.loc[order, key].tolist())
        for axis, title in zip(row, ("one constraint off", "percentiles", "smallest overlap"), strict=True):
            axis.axhline(table.loc[0, "mean"], color="tab:gray", linewidth=0.8, zorder=0)
            axis.set_title(f"{TITLES[target]}: {title}", fontsize=10)
            axis.grid(axis="y", alpha=0.3)
        row[0].set_ylabel("mean Dice, 95 % interval")
    save(figure, paths)


def _draw_points(axis: plt.Axes, table: pd.DataFrame, names: list[str]) -> None:
    error = (table["mean"] - table["mean_low"], table["mean_high"] - table["mean"])
    axis.errorbar(range(len(table)), table["mean"], yerr=error, fmt="o", color="tab:red", capsize=3)
    axis.set_xticks(range(len(table)), names, rotation=30, ha="right", fontsize=8)
    axis.set_xlim(-0.5, len(table) - 0.5)
