"""The associations of measures with outcomes at a glance."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from kidney_tumor.data.measures import MEASURES
from kidney_tumor.figures.style import mark_phantom, save
from kidney_tumor.patients.associations import BASELINE, OUTCOMES, SIGNIFICANT

FEWEST = 10
"""The number of patients on each side of a binary outcome below which no cell is colored."""
TICKS = np.linspace(-1, 1, 9)
"""Strengths of an association at which the color bar has marks."""
DARK = 0.55
"""The strength from which a cell is so dark that its number is white."""
NAMES = {
    BASELINE: "radiologist's size",
    "kidney_ml": "kidney volume",
    "tumor_ml": "tumor volume",
    "tumors": "number of tumors",
    "tumor_axial_mm": "axial diameter",
    "tumor_diameter_mm": "3-D diameter",
    "tumor_sphere_mm": "sphere diameter",
    "tumor_ratio": "eigenvalue ratio",
    "contact_mm2": "contact with kidney",
    "exophytic_share": "exophytic share",
    "renal_r": "R of R.E.N.A.L.",
    "renal_e": "E of R.E.N.A.L.",
    "radical_nephrectomy": "radical, not partial",
    "stage_pt3_or_more": "stage pT3 or more",
    "malignant": "malignant",
    "isup_grade_3_or_more": "ISUP grade 3 or more",
    "necrosis": "necrosis",
    "positive_margin": "positive margin",
    "complication": "any complication",
    "transfusion": "transfusion",
    "death": "death",
    "blood_loss_ml": "blood loss",
    "operative_minutes": "operative time",
    "hospital_days": "hospital stay",
    "ischemia_minutes": "ischemia time",
    "egfr_fall": "fall in eGFR",
}


def plot_outcomes(outcomes: pd.DataFrame, cases: int, phantom: bool, path: Path) -> None:
    """Draw a map of outcomes by measures: colored where an association is found, with its statistic.

    Args:
        outcomes: The table that `tabulate_outcomes` returns.
        cases: The number of cases.
        phantom: Whether the cases are phantoms.
        path: The file to write, .png.
    """
    measures = BASELINE, *MEASURES
    table = outcomes.set_index(["outcome", "measure"])
    strength = np.full((len(OUTCOMES), len(measures)), np.nan)
    figure, axis = plt.subplots(figsize=(12, 8), layout="constrained")
    for row, outcome in enumerate(OUTCOMES):
        for column, measure in enumerate(measures):
            cell = table.loc[(outcome, measure)]
            few = cell["events"] < FEWEST or cell["n"] - cell["events"] < FEWEST  # false for amounts, which have NaN
            found = cell["q"] < SIGNIFICANT and not few
            if found:
                strength[row, column] = cell["value"] if cell["statistic"] == "spearman" else 2 * cell["value"] - 1
            text = f"{cell['value']:.2f}".replace("nan", "-")
            dark = "white" if abs(strength[row, column]) > DARK else "black"
            weight: dict[str, Any] = {"color": dark, "fontweight": "bold"} if found else {"color": "0.5"}
            axis.text(column, row, text, ha="center", va="center", fontsize=9, **weight)
    image = axis.imshow(strength, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    axis.set_xticks(range(len(measures)), [NAMES[name] for name in measures], rotation=35, ha="right")
    axis.set_yticks(range(len(OUTCOMES)), [_describe_outcome(table.loc[(name, BASELINE)], name) for name in OUTCOMES])
    amounts = int((table.xs(BASELINE, level="measure")["statistic"] == "spearman").sum())
    axis.axhline(len(OUTCOMES) - amounts - 0.5, color="black", linewidth=1)
    axis.add_patch(Rectangle((-0.5, -0.5), 1, len(OUTCOMES), fill=False, edgecolor="black", linewidth=1.6))
    axis.set_title(
        f"{cases} cases. Colored: associations at a false discovery rate below {SIGNIFICANT:g}, "
        f"from at least {FEWEST} patients on each side.\n"
        "Above the line: area under the ROC curve, of death Harrell's C index (0.5 is none); "
        "below: Spearman's correlation (0 is none)",
        fontsize=10,
    )
    label = "larger measure, rarer or smaller outcome  ←    → more frequent or larger"
    bar = figure.colorbar(image, ax=axis, shrink=0.8, ticks=TICKS)
    bar.ax.set_yticklabels([f"{(tick + 1) / 2:.2f} | {tick:+.2f}" for tick in TICKS])
    bar.set_label(f"{label}\narea or C index | correlation")
    mark_phantom(figure, phantom)
    save(figure, [path])


def _describe_outcome(row: pd.Series, name: str) -> str:
    """Name an outcome with the number of patients in whom it is known, and of those with a binary one."""
    count = f"{row['n']:.0f}" if np.isnan(row["events"]) else f"{row['events']:.0f} of {row['n']:.0f}"
    return f"{NAMES[name]} ({count})"
