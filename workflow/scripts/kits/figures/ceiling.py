"""What the method's own steps cost."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap

from kits.analysis.ceiling import STEPS, Loss
from kits.data.targets import TARGETS
from kits.figures.style import LABEL_COLOURS, TITLES, save

NAMES = {"lower_half": "lower\nhalf", "fill_holes": "fill\nholes", "components": "compo-\nnents"}


def plot_ceiling(ceiling: pd.DataFrame, summary: pd.DataFrame, path: Path) -> None:
    """A waterfall of the mean Dice, step by step, over the lines of the single cases.

    Args:
        ceiling: as `ceiling.trace` returns, of all cases.
        summary: as `ceiling.summarize` returns.
        path: .png.
    """
    figure, axes = plt.subplots(2, 1, figsize=(7.5, 7), sharex=True, layout="constrained")
    for axis, target in zip(axes, TARGETS, strict=True):
        rows = summary[summary["target"] == target].set_index("step").loc[list(STEPS)]
        means = np.concatenate([[1], rows["mean"]])
        cases = ceiling[(ceiling["target"] == target) & (ceiling["label_voxels"] > 0)]
        lines = cases.pivot(index="case", columns="step", values="dice")[list(STEPS)].to_numpy()
        axis.plot(range(len(STEPS)), lines.T, color="tab:grey", alpha=0.25, linewidth=0.7)
        fall = np.diff(means)
        axis.bar(range(len(STEPS)), fall, bottom=means[:-1], color="tab:red", width=0.6, zorder=3)
        for place, row in enumerate(rows.itertuples()):
            gone = f"\n{row.emptied} emptied" if row.emptied else ""
            axis.annotate(
                f"{means[place + 1]:.3f}{gone}", (place, min(means[place : place + 2])), (0, -3), ha="center", va="top",
                textcoords="offset points", fontsize=8, zorder=4, bbox={"fc": "white", "ec": "none", "alpha": 0.7},
            )  # fmt: skip
            if place:
                axis.plot([place - 0.7, place - 0.3], [means[place]] * 2, color="black", linewidth=0.8, zorder=4)
        axis.set(
            title=f"{TITLES[target]} (n = {rows['n'].iloc[0]})", ylabel="Dice of the true masks", ylim=(-0.03, 1.05)
        )
        axis.set_xticks(range(len(STEPS)), [NAMES.get(step, step) for step in STEPS])
        axis.grid(axis="y", alpha=0.3)
    save(figure, [path])


def plot_losses(losses: Sequence[tuple[str, float, Loss]], path: Path) -> None:
    """The slices in which the method loses most of a perfect segmentation.

    Args:
        losses: case, its tumor Dice after all steps, its slice.
        path: .png.
    """
    colours = ListedColormap(["black", *LABEL_COLOURS.values()])
    figure, axes = plt.subplots(
        2, max(len(losses), 1), figsize=(2.6 * max(len(losses), 1), 5.6), layout="constrained", squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for (truth, left), (case, dice, loss) in zip(axes.T, losses, strict=False):
        truth.imshow(loss.truth, cmap=colours, vmin=0, vmax=2, aspect=loss.aspect, interpolation="nearest")
        truth.set_title(f"{case}, slice {loss.number}\ntruth", fontsize=9)
        left.imshow(loss.left, cmap=colours, vmin=0, vmax=2, aspect=loss.aspect, interpolation="nearest")
        left.set_title(f"left of it\n(case: tumor Dice {dice:.2f})", fontsize=9)
    save(figure, [path])
