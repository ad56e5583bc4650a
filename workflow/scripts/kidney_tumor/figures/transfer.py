"""The ratios of several cohorts, and what the range of each removes of the others' true tumors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter, ScalarFormatter

from kidney_tumor.figures.style import mark_phantom, save

LARGEST = 10.0
"""The ratio from which on tumors are drawn at the edge."""
SPREAD = 0.3
"""The height over which the tumors of a cohort are scattered."""
MARKERS = {"tumors": "o", "patients": "D"}
UNIT_COLORS = {"voxel": "#e0653a", "mm": "#3b6ea5"}


def plot_transfer(
    cohorts: Mapping[str, pd.DataFrame],
    ranges: pd.DataFrame,
    transfer: pd.DataFrame,
    phantom: bool,
    paths: Sequence[Path],
) -> None:
    """Draw each cohort's ratios in voxels with its range, and the shares that each range removes, in both units.

    Args:
        cohorts: The tumors of each cohort, with the columns case and ratio_voxel.
        ranges: The table that `transfer.tabulate_ranges` returns.
        transfer: The table that `transfer.tabulate_transfer` returns, of which the rows of all slices are drawn.
        phantom: Whether the cases of the first cohort are phantoms.
        paths: The files to write, .png or .svg.
    """
    pairs = transfer[transfer["slices"] == "all"]
    count = len(pairs[["range_of", "tumors_of"]].drop_duplicates())
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 2.6 + 0.55 * count), layout="constrained")
    _draw_ratios(left, cohorts, ranges[ranges["ratio_unit"] == "voxel"].set_index("cohort"))
    _draw_shares(right, pairs)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=4, fontsize=9, frameon=False)
    mark_phantom(figure, phantom)
    save(figure, paths)


def _draw_ratios(axis: Axes, cohorts: Mapping[str, pd.DataFrame], ranges: pd.DataFrame) -> None:
    """Draw a row of dots for each cohort, and its range as a bar with the intervals of both ends."""
    rng = np.random.default_rng(0)
    for place, (name, tumors) in enumerate(cohorts.items()):
        row, ratios = ranges.loc[name], tumors["ratio_voxel"].clip(upper=LARGEST)
        color = UNIT_COLORS["voxel"]
        axis.scatter(ratios, place + rng.uniform(-SPREAD, SPREAD, len(ratios)), s=9, color=color, alpha=0.5, lw=0)
        axis.barh(place, row["high"] - row["low"], left=row["low"], height=0.8, color="tab:green", alpha=0.15)
        for end in ("low", "high"):
            width = [[row[end] - row[f"{end}_low"]], [row[f"{end}_high"] - row[end]]]
            axis.errorbar(row[end], place + 0.4, xerr=width, color="tab:green", capsize=3, lw=1.5)
    labels = [f"{name}\n{row['tumors']} tumors, {row['patients']} patients" for name, row in ranges.iterrows()]
    axis.set_yticks(range(len(labels)), labels)
    axis.set(xscale="log", xlim=(0.98, LARGEST * 1.03), xlabel="eigenvalue ratio in voxels (1: round)")
    axis.set_xticks([1, 1.5, 2, 3, 5, LARGEST])
    axis.xaxis.set_major_formatter(ScalarFormatter())
    axis.xaxis.set_minor_formatter("")
    axis.set_title("Each cohort's tumors, and its range with 95 % intervals", fontsize=10)
    axis.invert_yaxis()


def _draw_shares(axis: Axes, pairs: pd.DataFrame) -> None:
    """Draw the shares that each range removes in each cohort, with their intervals, a color for each unit."""
    names = pairs[["range_of", "tumors_of"]].drop_duplicates().to_numpy().tolist()
    kinds = [(unit, counted) for unit in UNIT_COLORS for counted in MARKERS]
    for number, (unit, counted) in enumerate(kinds):
        rows = pairs[(pairs["ratio_unit"] == unit) & (pairs["counted"] == counted)]
        places = np.arange(len(rows)) + 0.18 * (number - (len(kinds) - 1) / 2)
        ends = [rows["share"] - rows["low"], rows["high"] - rows["share"]]
        color, label = UNIT_COLORS[unit], f"{counted}, ratio in {unit}"
        axis.errorbar(rows["share"], places, xerr=ends, fmt=MARKERS[counted], color=color, ms=4, capsize=2, label=label)
    labels = [
        f"{taker}, by the range of\n{'all its other patients' if giver == taker else giver}" for giver, taker in names
    ]
    axis.set_yticks(range(len(labels)), labels)
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set(xlim=(0, None), xlabel="share removed, with 95 % intervals")
    axis.set_title("What each range removes of true tumors", fontsize=10)
    axis.grid(axis="x", alpha=0.3)
    axis.invert_yaxis()
