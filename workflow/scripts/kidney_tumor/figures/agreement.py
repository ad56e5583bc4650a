"""Agreement of two measurements: Bland-Altman plots, and the cases that agree least."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from kidney_tumor.analysis.agreement import REFERENCES, SIZES
from kidney_tumor.figures.style import add_label_legend, draw_labels, mark_phantom, save

NAMES = {
    "tumor_axial_mm": "diameter in an axial slice",
    "tumor_diameter_mm": "diameter in 3-D",
    "tumor_sphere_mm": "diameter of a sphere of its volume",
}
READERS = {"radiographic_mm": "radiologist", "pathologic_mm": "pathologist"}
MARGIN = 12
"""The number of pixels around the kidney and tumor of a drawn slice."""


def draw_bland_altman(
    axis: Axes, measured: pd.Series, reference: pd.Series, found: Mapping[str, float], unit: str, color: str
) -> None:
    """Draw the difference of two measurements over their mean, with bias and limits of agreement.

    Args:
        axis: The axis to draw on.
        measured: The measurement, with the case as index.
        reference: The other one, which is subtracted.
        found: What `measure_agreement` returned for them.
        unit: The unit of both.
        color: The color of the cases.
    """
    both = pd.DataFrame({"measured": measured, "reference": reference}).dropna()
    difference = both["measured"] - both["reference"]
    axis.plot(both.mean(axis=1), difference, "o", color=color, alpha=0.7, markersize=4)
    axis.axhline(found["bias"], color="black", label=f"bias {found['bias']:+.3g} {unit}")
    if np.isfinite(found["lower"]):  # undefined for one case
        for limit in ("lower", "upper"):
            axis.axhline(found[limit], color="black", linestyle="--")
        limits = f"{found['lower']:+.3g} to {found['upper']:+.3g} {unit}"
        axis.plot([], [], "--", color="black", label=f"95 % limits {limits}")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=9, frameon=False)
    axis.grid(alpha=0.3)


def plot_agreement(cases: pd.DataFrame, agreement: pd.DataFrame, phantom: bool, path: Path) -> None:
    """Draw Bland-Altman plots of each measured size against those that radiologist and pathologist state.

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
        row[0].set_ylabel(f"measured minus {READERS[reference]}'s, mm")
        for axis, measure in zip(row, SIZES, strict=True):
            values = found.loc[(measure, reference)]
            draw_bland_altman(axis, cases[measure], cases[reference], values, "mm", "tab:purple")
            correlation = f"n = {values['n']:.0f}, r = {values['pearson']:.3f}, ICC = {values['icc']:.3f}"
            axis.set_title(f"{NAMES[measure]}\n{correlation}", fontsize=10)
            axis.set_xlabel("mean of both, mm")
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
