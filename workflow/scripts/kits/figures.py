"""The figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

from kits.cli import atomic
from kits.scoring import STAGES, TARGETS

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {"before": "tab:blue", "after": "tab:red"}
TITLES = {"kidney_tumor": "Kidney + tumor", "tumor": "Tumor"}

# Without these, every run of the same data would write other bytes into SVG and PDF.
plt.rcParams["svg.hashsalt"] = "kits"
METADATA: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def _save(figure: plt.Figure, paths: Sequence[Path]) -> None:
    for path in paths:
        with atomic(path) as temporary:
            figure.savefig(temporary, dpi=200, metadata=METADATA.get(path.suffix))
    plt.close(figure)


def plot_dice(scores: pd.DataFrame, paths: Sequence[Path]) -> None:
    """The paper's Fig. 3: Dice of kidney + tumor (left) and tumor (right), before (blue) and after (red).

    Args:
        scores: columns case, stage, target, dice; undefined values are left out.
        paths: .png, .svg or .pdf.
    """
    figure, axes = plt.subplots(1, 2, figsize=(7, 4), sharey=True, layout="constrained")
    for axis, target in zip(axes, TARGETS, strict=True):
        names = []
        for position, stage in enumerate(STAGES):
            chosen = (scores["stage"] == stage) & (scores["target"] == target)
            values = scores.loc[chosen, "dice"].dropna().to_numpy()
            axis.boxplot(
                [values],
                positions=[position],
                widths=0.55,
                showfliers=False,
                patch_artist=True,
                boxprops={"facecolor": COLOURS[stage], "alpha": 0.5},
                medianprops={"color": "black"},
            )
            spread = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.zeros(len(values))
            axis.plot(position + spread, values, "o", color=COLOURS[stage], markersize=4, alpha=0.8)
            names.append(f"{stage}\npost-processing\n(n = {len(values)})")
        axis.set_xticks(range(len(STAGES)), names)
        axis.set_title(TITLES[target])
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("Dice")
    axes[0].set_ylim(-0.03, 1.03)
    _save(figure, paths)


def plot_training(record: dict[str, Any], path: Path) -> None:
    """Training loss (left axis) and learning rate (right axis, logarithmic) of each epoch."""
    history = pd.DataFrame(record["history"])
    figure, axis = plt.subplots(figsize=(6, 3.5), layout="constrained")
    axis.plot(history["epoch"], history["loss"], "o-", markersize=3, color="tab:blue")
    axis.set(xlabel="epoch", ylim=(0, None), title=f"{record['target'].capitalize()} network")
    axis.set_ylabel("training loss", color="tab:blue")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(alpha=0.3)
    rate = axis.twinx()
    rate.step(history["epoch"], history["learning_rate"], where="mid", color="tab:grey")
    rate.set_yscale("log")
    rate.set_ylabel("learning rate", color="tab:grey")
    _save(figure, [path])
