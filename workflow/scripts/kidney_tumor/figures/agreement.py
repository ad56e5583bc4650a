"""Agreement of two measurements: Bland-Altman plots, and the cases that agree least."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from kidney_tumor.figures.style import add_label_legend, draw_labels, mark_phantom, save
from kidney_tumor.patients.agreement import FACTORS, REFERENCES, SIZES

NAMES = {
    "tumor_axial_mm": "diameter in an axial slice",
    "tumor_diameter_mm": "diameter in 3-D",
    "tumor_sphere_mm": "diameter of a sphere of its volume",
}
TICKS = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 8)
"""The factors that are named beside the axis."""
READERS = {"radiographic_mm": "radiologist", "pathologic_mm": "pathologist"}
MARGIN = 12
"""The number of pixels around the kidney and tumor of a drawn slice."""


def draw_bland_altman(
    axis: Axes, middle: pd.Series, difference: pd.Series, limits: Mapping[str, float], form: str, unit: str, color: str
) -> None:
    """Draw the difference, or the factor, between two measurements over their mean, with bias and limits of agreement.

    Args:
        axis: The axis to draw on.
        middle: The mean of both measurements.
        difference: Their difference or factor, with the same index.
        limits: Its `bias`, and the limits of agreement, `lower` and `upper`.
        form: How such a value is written, without its unit.
        unit: The unit.
        color: The color of the cases.
    """
    axis.plot(middle, difference, "o", color=color, alpha=0.7, markersize=4)
    axis.axhline(limits["bias"], color="black", label=f"bias {form.format(limits['bias'])} {unit}")
    if np.isfinite(limits["lower"]):  # undefined for one case
        for limit in ("lower", "upper"):
            axis.axhline(limits[limit], color="black", linestyle="--")
        ends = f"{form.format(limits['lower'])} to {form.format(limits['upper'])}"
        axis.plot([], [], "--", color="black", label=f"95 % limits {ends} {unit}")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=9, frameon=False)
    axis.grid(alpha=0.3)


def plot_agreement(cases: pd.DataFrame, agreement: pd.DataFrame, phantom: bool, path: Path) -> None:
    """Draw each measured size over those that radiologist and pathologist state, as Bland-Altman plots of factors.

    Args:
        cases: The table that `tabulate_agreement` takes.
        agreement: The table that it returns.
        phantom: Whether the cases are phantoms.
        path: The file to write, .png.
    """
    figure, axes = plt.subplots(
        len(REFERENCES), len(SIZES), figsize=(13, 8), sharex=True, sharey="row", layout="constrained"
    )
    found = agreement.set_index(["measure", "reference"])
    for row, reference in zip(axes, REFERENCES, strict=True):
        row[0].set_ylabel(f"measured over {READERS[reference]}'s size")
        for axis, measure in zip(row, SIZES, strict=True):
            values = found.loc[(measure, reference)]
            both = cases[[measure, reference]].dropna()
            limits = dict(zip(("bias", "lower", "upper"), values[list(FACTORS)], strict=True))
            factor = both[measure] / both[reference]
            draw_bland_altman(axis, both.mean(axis=1), factor, limits, "{:.2f}", "times", "tab:purple")
            correlation = f"n = {values['n']:.0f}, r = {values['pearson']:.3f}, ICC = {values['icc']:.3f}"
            axis.set_title(f"{NAMES[measure]}\n{correlation}", fontsize=10)
            axis.set_xlabel("mean of both, mm")
            axis.set_yscale("log", base=2)
            axis.yaxis.set_major_locator(FixedLocator(TICKS))
            axis.yaxis.set_major_formatter("{x:g}")
    mark_phantom(figure, phantom)
    save(figure, [path])


def plot_outliers(outliers: pd.DataFrame, slices: Mapping[str, Mapping[str, Any]], phantom: bool, path: Path) -> None:
    """Draw the slices in which tumors were measured whose size agrees least with the radiologist's.

    Args:
        outliers: The rows of these cases in the table that `find_outliers` returns.
        slices: What `cut_axial_slice` returned for each drawn case.
        phantom: Whether the cases are phantoms.
        path: The file to write, .png.
    """
    count = max(len(slices), 1)
    figure, axes = plt.subplots(1, count, figsize=(3.8 * count, 4.4), layout="constrained", squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    if not slices:
        axes[0, 0].text(0.5, 0.5, "no case lies outside the limits", ha="center", transform=axes[0, 0].transAxes)
    sizes = outliers.set_index("case")
    for axis, (case, content) in zip(axes.flat, slices.items(), strict=False):
        draw_labels(axis, content["labels"], content["aspect"])
        rows, columns = np.nonzero(content["labels"])
        axis.set_ylim(rows.max() + MARGIN, rows.min() - MARGIN)
        axis.set_xlim(columns.min() - MARGIN, columns.max() + MARGIN)
        axis.plot(*content["ends"].T[::-1], "-", color="white", linewidth=1.6)
        values = sizes.loc[case]
        stated = f"measured {values['measured']:.0f} mm, radiologist {values['stated']:.0f} mm"
        axis.set_title(f"{case}, slice {content['number']}\n{stated}", fontsize=10)
    add_label_legend(figure, [Line2D([], [], color="0.6", label="measured diameter")] if slices else [])
    mark_phantom(figure, phantom)
    save(figure, [path])
