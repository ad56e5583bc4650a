"""What each constraint of the filter does."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from kidney_tumor.data.targets import TARGETS
from kidney_tumor.figures.style import TITLES, mark_phantom, save
from kidney_tumor.filter.constraints import CONSTRAINTS
from kidney_tumor.filter.variants import EVERYTHING, NOTHING, OFF_TEXTS

NAMES = {constraint.key: constraint.without for constraint in CONSTRAINTS} | {EVERYTHING: "no filter"}


def plot_ablation(ablation: pd.DataFrame, phantom: bool, paths: Sequence[Path]) -> None:
    """Draw the mean Dice for each constraint off, percentile range and smallest overlap.

    A bar is the 95 % interval of the change against the configured filter, in pairs of the same case.

    Args:
        ablation: The table that `compare_variants` returns.
        phantom: Whether the cases are phantoms, which is said.
        paths: The files to write, .png or .svg.
    """
    figure, axes = plt.subplots(2, 3, figsize=(11, 6.5), sharey="row", layout="constrained")
    for row, target in zip(axes, TARGETS, strict=True):
        table = ablation[ablation["target"] == target].reset_index(drop=True)
        configured, changed = table.iloc[0], table["changed"]
        is_off = [table[key].isin([configured[key], text]) for key, text in OFF_TEXTS.items()]
        off = table.index[pd.concat(is_off, axis=1).all(axis=1)]
        _draw_points(row[0], table.loc[off], ["as configured", *changed[off[1:]].map(NAMES)])
        for axis, key in ((row[1], "percentiles"), (row[2], "tumor_kidney_overlap")):
            swept = table[changed.isin([NOTHING, key]) & (table[key] != "off")]
            swept = swept.sort_values(key, key=lambda texts: texts.map(_read_numbers), kind="stable")
            _draw_points(axis, swept, swept[key].tolist())
        for axis, title in zip(row, ("one constraint off", "percentiles", "smallest overlap"), strict=True):
            axis.axhline(configured["mean"], color="tab:gray", linewidth=0.8, zorder=0)
            axis.set_title(f"{TITLES[target]}: {title}", fontsize=10)
            axis.grid(axis="y", alpha=0.3)
        row[0].set_ylabel("mean Dice, 95 % interval of its change")
    mark_phantom(figure, phantom)
    save(figure, paths)


def _read_numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split("-")))


def _draw_points(axis: Axes, table: pd.DataFrame, names: list[str]) -> None:
    change = table["difference"].fillna(0)  # of the configured filter itself
    error = change - table["difference_low"].fillna(0), table["difference_high"].fillna(0) - change
    axis.errorbar(range(len(table)), table["mean"], yerr=error, fmt="o", color="tab:red", capsize=3)
    axis.set_xticks(range(len(table)), names, rotation=30, ha="right", fontsize=8)
    axis.set_xlim(-0.5, len(table) - 0.5)
