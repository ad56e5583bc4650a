"""The paper's Fig. 3, and the same cases in pairs."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from kits.figures import COLOURS, TITLES, save
from kits.scoring import STAGES, TARGETS


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
    save(figure, paths)


def plot_pairs(scores: pd.DataFrame, effect: pd.DataFrame, path: Path) -> None:
    """Dice of each case before and after, joined by a line: red where it falls.

    Args:
        scores: columns case, stage, target, dice, and split where there are several; undefined values are left out.
        effect: as `summary.effect` returns.
        path: .png.
    """
    keys = [key for key in ("split", "case") if key in scores]
    figure, axes = plt.subplots(1, 2, figsize=(7, 4.3), sharey=True, layout="constrained")
    for axis, target in zip(axes, TARGETS, strict=True):
        chosen = scores[scores["target"] == target].pivot(index=keys, columns="stage", values="dice")
        for before, after in chosen[list(STAGES)].dropna().to_numpy():
            axis.plot([0, 1], [before, after], "o-", color="tab:red" if after < before else "tab:grey", alpha=0.7)
        row = effect.set_index("target").loc[target]
        axis.set_title(
            f"{TITLES[target]}\nmean change {row['mean']:+.3f} [{row['mean_low']:+.3f}, {row['mean_high']:+.3f}], "
            f"p = {row['wilcoxon_p']:.2g}",
            fontsize=9,
        )
        axis.set_xticks([0, 1], [f"{stage}\npost-processing" for stage in STAGES])
        axis.set_xlim(-0.3, 1.3)
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("Dice")
    axes[0].set_ylim(-0.03, 1.03)
    save(figure, [path])
