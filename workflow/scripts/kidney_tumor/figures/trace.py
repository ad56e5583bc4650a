"""The score of the true masks after each step of the method."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from kidney_tumor.analysis.trace import STEPS, TRIMMED, Loss
from kidney_tumor.analysis.trace_summary import find_costliest_step
from kidney_tumor.data.slices import LOWER_HALF
from kidney_tumor.data.targets import TARGETS
from kidney_tumor.figures.style import TITLES, add_label_legend, draw_labels, draw_lower_half, mark_phantom, save

START = "truth"
"""The name of what the first step is given."""


def plot_trace(trace: pd.DataFrame, summary: pd.DataFrame, phantom: bool, path: Path) -> None:
    """Draw the Dice of the true masks after each step: a line for each case over a waterfall of the mean.

    Above a step stand its mean, its cost, and how many cases it empties.

    Args:
        trace: The tables that `trace_case` returns, of all cases.
        summary: The table that `summarize_steps` returns for them.
        phantom: Whether the cases are phantoms, which is said.
        path: The file to write, .png.
    """
    figure, axes = plt.subplots(2, 1, figsize=(8.5, 8), sharex=True, layout="constrained")
    for axis, target in zip(axes, TARGETS, strict=True):
        of_target = summary[summary["target"] == target].set_index("step")
        rows, trimmed = of_target.loc[list(STEPS)], of_target.loc[TRIMMED]
        cases = trace[(trace["target"] == target) & (trace["label_voxels"] > 0)]
        dices = cases.pivot(index="case", columns="step", values="dice")[list(STEPS)]
        dices.insert(0, START, 1.0)
        axis.plot(range(len(STEPS) + 1), dices.to_numpy().T, color="0.4", alpha=0.45, linewidth=0.8)
        means, places = np.concatenate([[1], rows["mean"]]), np.arange(1, len(STEPS) + 1)
        bars = axis.bar(
            places, np.diff(means), bottom=means[:-1], width=0.5, zorder=0.5,
            facecolor="#f3b0a6", edgecolor="tab:red",
        )  # fmt: skip
        bends = np.repeat(places - 0.25, 2)  # the left edges of the bars, which the mean falls along
        [mean] = axis.plot([-0.25, *bends, len(STEPS) + 0.25], np.repeat(means, 2), color="black", linewidth=1.4)
        above = {
            "xycoords": axis.get_xaxis_transform(), "xytext": (0, 3), "textcoords": "offset points",
            "ha": "center", "va": "bottom", "fontsize": 9,
        }  # fmt: skip
        axis.annotate("mean\nchange\n", (0, 1), **above)
        for place, row in zip(places, rows.itertuples(), strict=True):
            change = f"{-row.cost:+.4f}" if abs(row.cost) >= 0.00005 else "0"
            gone = f"{row.emptied} emptied" if row.emptied else ""
            axis.annotate(f"{row.mean:.4f}\n{change}\n{gone}", (place, 1), **above)
        axis.set_title(f"{TITLES[target]}: true masks after each step (n = {rows['n'].iloc[0]})", pad=44)
        if trimmed["mean"] > rows["mean"].iloc[-1]:
            axis.axhline(
                trimmed["mean"], color="tab:blue", linestyle="--", linewidth=1.2,
                label=f"trimmed until the filter accepts them: {trimmed['mean']:.4f}, {trimmed['emptied']} emptied",
            )  # fmt: skip
            axis.legend(loc="lower left", fontsize=9, frameon=False)
        axis.set_ylabel("Dice of the true masks")
        axis.set_xticks(range(len(STEPS) + 1), [name.replace("_", "\n") for name in (START, *STEPS)])
        axis.grid(axis="y", alpha=0.3)
        axis.use_sticky_edges = False  # which would put the Dice of the truth on the frame
        axis.autoscale_view()
    axes[-1].set_xlabel("after step")
    figure.legend(
        [Line2D([], [], color="0.4", linewidth=0.8), mean, bars],
        ["a case", "mean", "change of the mean"],
        loc="outside lower center", ncols=3, fontsize=9, frameon=False,
    )  # fmt: skip
    mark_phantom(figure, phantom)
    save(figure, [path])


def plot_losses(trace: pd.DataFrame, losses: Mapping[str, Loss], phantom: bool, path: Path, tumor_rows: str) -> None:
    """Draw slices of which the method leaves least: the truth (above), and what remains after all steps (below).

    Args:
        trace: The tables that `trace_case` returns, of these cases at least.
        losses: The slice of each case.
        phantom: Whether the cases are phantoms, which is said.
        path: The file to write, .png.
        tumor_rows: The rows that the tumor network sees; the edge of the `lower_half` is drawn.
    """
    count = max(len(losses), 1)
    figure, axes = plt.subplots(2, count, figsize=(3.2 * count, 7.2), layout="constrained", squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    edges = []
    for column, (case, loss) in zip(axes.T, losses.items(), strict=False):
        tumor = trace[(trace["case"] == case) & (trace["target"] == "tumor")]
        titles = (f"{case}, slice {loss.number}\ntruth", f"what remains after all steps\n{_describe_loss(tumor)}")
        for axis, labels, title in zip(column, (loss.truth, loss.left), titles, strict=True):
            draw_labels(axis, labels, loss.aspect)
            axis.set_title(title, fontsize=9)
            if tumor_rows == LOWER_HALF:
                edges.append(draw_lower_half(axis, len(labels)))
    add_label_legend(figure, edges[:1])
    mark_phantom(figure, phantom)
    save(figure, [path])


def _describe_loss(tumor: pd.DataFrame) -> str:
    """Say how much of a case's tumor remains after all steps, and which step cost most Dice.

    Args:
        tumor: The rows of the tumor in the table that `trace_case` returns.
    """
    last = tumor.set_index("step").loc[STEPS[-1]]
    remains = f"{last['voxels']:,} of the case's {last['label_voxels']:,} tumor voxels"
    step, before, after = find_costliest_step(tumor)
    if after >= before:
        return f"{remains}\nnothing lost at any step"
    return f"{remains}\nmost lost at step: {step.replace('_', ' ')} (Dice {before:.2f} to {after:.2f})"
