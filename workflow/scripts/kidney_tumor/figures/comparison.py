"""Scores of this run and of other methods on the same cases, and the cases in which methods are worst."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import ScalarFormatter, SymmetricalLogLocator

from kidney_tumor.analysis.comparison import average_measure
from kidney_tumor.analysis.evaluation import View
from kidney_tumor.analysis.method_scores import DEFAULTS
from kidney_tumor.data.targets import TARGETS
from kidney_tumor.figures.dice import draw_box
from kidney_tumor.figures.style import COLORS, TITLES, add_label_legend, draw_labels, draw_scale, save
from kidney_tumor.volumes.labels import KIDNEY, TUMOR

ROWS = {"dice": "Dice", "surface_dice": "surface Dice", "hd95_mm": "95 % Hausdorff distance"}
OTHERS = ("tab:green", "tab:purple", "tab:orange", "tab:cyan", "tab:olive", "tab:pink", "tab:brown", "tab:gray")
"""The colors of the other methods; the first has that of this run's post-processed masks."""
LONG_NAME = 14
"""The length of a method's name above which names are turned, and of a case's above which it is cut."""
WORST = 3
"""The number of cases that are drawn of each method and target."""


def plot_comparison(
    table: pd.DataFrame, paths: Sequence[Path], tolerances_mm: Mapping[str, float] = DEFAULTS.tolerances_mm
) -> None:
    """Draw Dice, surface Dice and distance, from above, of kidney + tumor (left) and tumor (right) of each method.

    The case with the worst value of each box is named beside it, unless the worst is infinite.

    Args:
        table: The table that `comparison.average_measure` takes; undefined and infinite values are left out.
        paths: The files to write, .png or .svg.
        tolerances_mm: The tolerance of the surface Dice of each target.
    """
    methods = table["method"].unique()
    width = max(8.0, 1.6 * len(methods) + 3)
    figure, axes = plt.subplots(3, 2, figsize=(width, 12), sharey="row", layout="constrained")
    for row, (measure, title) in zip(axes, ROWS.items(), strict=True):
        for axis, target in zip(row, TARGETS, strict=True):
            values = average_measure(table, target, measure)
            names = []
            for position, method in enumerate(methods):
                color = OTHERS[(position - 1) % len(OTHERS)] if position else COLORS["after"]
                known = values[method][np.isfinite(values[method])]
                infinite = int(np.isinf(values[method]).sum())
                draw_box(axis, position, known.to_numpy(), color)
                if len(known) and not infinite:
                    worst = known.idxmax() if measure == "hd95_mm" else known.idxmin()
                    name_value(axis, position, str(worst), known[worst])
                names.append(f"{method}\n(n = {len(known)}{f', {infinite} infinite' * bool(infinite)})")
            turned = {"rotation": 20, "ha": "right", "rotation_mode": "anchor"}
            axis.set_xticks(range(len(methods)), names, **(turned if max(map(len, methods)) > LONG_NAME else {}))
            axis.set_xlim(-0.6, len(methods) - 0.1)
            within = f", within {tolerances_mm[target]:.3f} mm" if measure == "surface_dice" else ""
            axis.set_title(f"{TITLES[target]}: {title}{within}", fontsize=10)
            axis.grid(axis="y", alpha=0.3)
        known = table[measure][np.isfinite(table[measure])]
        if measure == "hd95_mm":  # linear up to 1 mm, since a perfect segmentation has 0
            row[0].set_yscale("symlog", linthresh=1)
            row[0].yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=1, subs=[1, 2, 5]))
            row[0].yaxis.set_major_formatter(ScalarFormatter())
            row[0].set_ylim(-0.05 if not len(known) or known.min() < 0.1 else 0.8 * known.min(), 1.5 * max([1, *known]))
        else:
            lowest = min([1, *known]) - 0.02
            bottom = np.floor(lowest * 20) / 20 if lowest > 0.5 else -0.03
            row[0].set_ylim(bottom, 1 + 0.03 * (1 - bottom))
        row[0].set_ylabel("mm, logarithmic above 1 mm" if measure == "hd95_mm" else title)
    save(figure, paths)


def name_value(axis: Axes, position: float, name: str, value: float) -> None:
    """Write the name of the case with a value to the right of the box at a position."""
    short = name if len(name) <= LONG_NAME else f"{name[: LONG_NAME - 3]}..."
    axis.text(position + 0.3, value, short, fontsize=6, va="center", parse_math=False)


def find_worst(table: pd.DataFrame, method: str, target: str) -> pd.Series:
    """Find the cases of a method with the lowest Dice of a target: their Dice, with the index case, lowest first.

    Two empty masks, of which there is nothing to see, are left out.
    """
    rows = table[(table["method"] == method) & (table["target"] == target)]
    seen = rows[["label_ml", "predicted_ml"]].max(axis=1) > 0
    return rows[seen].set_index("case")["dice"].sort_values(kind="stable")[:WORST]


def plot_worst(table: pd.DataFrame, read: Callable[[str, str, str], View], path: Path) -> None:
    """Draw the worst cases of each method and target: truth and prediction in the slice with most wrong voxels.

    R and L are the patient's sides; a white line is as long as it says. The truth's outline lies on the prediction.

    Args:
        table: The table of cases with the columns `method_scores.COMPARISON_COLUMNS`, a row for each case and target.
        read: A function that reads what is to be seen of a method, a case and a target.
        path: The file to write, .png.
    """
    worst = {
        (target, method): cases
        for target in TARGETS
        for method in table["method"].unique()
        if len(cases := find_worst(table, method, target))
    }
    size = (2 * WORST * 1.7, 2.2 * len(worst) + 0.5)
    figure, axes = plt.subplots(max(1, len(worst)), 2 * WORST, figsize=size, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    for row, ((target, method), cases) in zip(axes, worst.items(), strict=False):
        for number, (case, dice) in enumerate(cases.items()):
            view, (left, right) = read(method, str(case), target), row[2 * number : 2 * number + 2]
            draw_labels(left, _make_square(view.truth), view.aspect)
            draw_labels(right, _make_square(view.prediction), view.aspect)
            for place, side in ((0.03, "R"), (0.92, "L")):
                left.text(place, 0.9, side, color="white", fontsize=7, transform=left.transAxes)
            true = _make_square(view.truth) >= (KIDNEY if target == "kidney_tumor" else TUMOR)
            if true.any():
                right.contour(true, [0.5], colors="white", linewidths=0.5)
            draw_scale(left, view.pixel_mm, max(view.truth.shape))
            left.set_title(f"{case}, slice {view.number}\ntruth", fontsize=7, parse_math=False)
            right.set_title(f"{TITLES[target]}, Dice {dice:.3f}\nof the volume, {method}", fontsize=7, parse_math=False)
    add_label_legend(figure)
    save(figure, [path])


def _make_square(labels: np.ndarray) -> np.ndarray:
    """Add background around labels, shape (rows, columns), so that all panels have one size."""
    lacking = max(labels.shape) - np.array(labels.shape)
    return np.pad(labels, [(part // 2, part - part // 2) for part in lacking])
