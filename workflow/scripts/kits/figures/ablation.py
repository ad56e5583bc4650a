"""What each constraint of the filter does."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from kits.figures import TITLES, save
from kits.scoring import TARGETS
from kits.settings import OFF

WITHOUT = {
    "fill_holes": "no hole filling",
    "kidney_components": "all kidney components",
    "min_component_voxels": "any tumor size",
    "percentiles": "any tumor shape",
    "tumor_kidney_overlap": "any overlap",
    "everything": "no filter",
}


def plot_ablation(ablation: pd.DataFrame, paths: Sequence[Path]) -> None:
    """Mean Dice with its 95 % interval: each constraint off (left), percentile ranges (middle), overlaps (right).

    Args:
        ablation: as `ablation.summarize` returns; the first setting is the configured one.
        paths: .png or .svg.
    """
    figure, axes = plt.subplots(2, 3, figsize=(11, 6.5), sharey="row", layout="constrained")
    for row, target in zip(axes, TARGETS, strict=True):
        table = ablation[ablation["target"] == target]
        base = table.iloc[:1]
        off = table[
            [all(row[key] in (base[key].iloc[0], value) for key, value in OFF.items()) for _, row in table.iterrows()]
        ]
        off = off[off["changed"] != "nothing"]
        names = ["as configured", *(WITHOUT[name] for name in off["changed"])]
        _points(row[0], pd.concat([base, off]), names)
        for axis, key in ((row[1], "percentiles"), (row[2], "tumor_kidney_overlap")):
            swept = table[(table["changed"].isin(["nothing", key])) & (table[key] != "off")]
            order = swept[key].map(_position).sort_values().index
            _points(axis, swept.loc[order], [str(value) for value in swept.loc[order, key]])
        for axis, title in zip(row, ("one constraint off", "percentiles", "least overlap"), strict=True):
            axis.axhline(base["mean"].iloc[0], color="tab:grey", linewidth=0.8, zorder=0)
            axis.set_title(f"{TITLES[target]}: {title}", fontsize=10)
            axis.grid(axis="y", alpha=0.3)
        row[0].set_ylabel("mean Dice, 95 % interval")
    save(figure, paths)


def _position(value: object) -> tuple[float, ...]:
    """Order percentile ranges from wide to narrow, overlaps from low to high."""
    return tuple(float(part) for part in str(value).split("-"))


def _points(axis: plt.Axes, table: pd.DataFrame, names: list[str]) -> None:
    error = (table["mean"] - table["mean_low"], table["mean_high"] - table["mean"])
    axis.errorbar(range(len(table)), table["mean"], yerr=error, fmt="o", color="tab:red", capsize=3)
    axis.set_xticks(range(len(table)), names, rotation=30, ha="right", fontsize=8)
    axis.set_xlim(-0.5, len(table) - 0.5)
