"""Figures that are kept instead of saved, and what is read from them."""

import matplotlib.pyplot as plt
import pandas as pd


def read_legend(figure):
    """The colors of a figure's legend by their labels."""
    [legend] = figure.legends
    names = (text.get_text() for text in legend.get_texts())
    return {
        name: handle.get_facecolor() if isinstance(handle, plt.Rectangle) else handle.get_color()
        for name, handle in zip(names, legend.legend_handles, strict=True)
    }


def scores(*cases):
    """Rows of kidney_tumor and tumor: (label voxels, before: true, false positive voxels, after: the same two)."""
    rows = []
    for number, case in enumerate(cases):
        for target in ("kidney_tumor", "tumor"):
            label, *stages = case
            for stage, (true, false) in zip(("before", "after"), stages, strict=True):
                size = label + true + false
                dice = 2 * true / size if size else float("nan")
                rows.append((f"case_{number}", stage, target, dice, label, true + false))
    return pd.DataFrame(rows, columns=["case", "stage", "target", "dice", "label_voxels", "predicted_voxels"])
