"""The distribution of the tumors' shapes from which the filter's range follows (paper, section 2.2)."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from kidney_tumor.figures.style import mark_phantom, save
from kidney_tumor.filter.constraints import UNITS

Range = tuple[float, float]
LARGEST = 6.0
"""The ratio from which on all components are drawn in the last bar."""


def plot_ratios(ratios: pd.Series, unit: str, accepted: Range | None, paper: Range, phantom: bool, path: Path) -> None:
    """Draw a histogram of the labeled tumors' eigenvalue ratios, with the accepted range and the paper's.

    Args:
        ratios: The ratio of each component; infinite ones are drawn in the last bar.
        unit: The unit in which they are measured, `voxel` or `mm`.
        accepted: The lowest and the highest accepted ratio; None for any ratio.
        paper: Those that the paper states in section 2.2, which are left out if the unit is mm.
        phantom: Whether the cases are phantoms.
        path: The file to write, .png.
    """
    figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
    axis.hist(ratios.clip(upper=LARGEST), bins=np.arange(1, LARGEST + 0.1, 0.1).tolist(), color="#e0653a", alpha=0.75)
    title = f"{len(ratios)} labeled tumor components"
    if accepted:
        low, high = accepted
        axis.axvspan(low, high, color="tab:green", alpha=0.12, label=f"accepted: {low:.3f} to {high:.3f}")
        title += f", {(~ratios.between(low, high)).sum()} of them outside the accepted range"
    for number, edge in enumerate(paper if unit == UNITS[0] else ()):  # in which it agrees with the labels
        label = f"the paper's range: {paper[0]} to {paper[1]}" if number == 0 else None
        axis.axvline(edge, color="black", linestyle="--", linewidth=1.2, label=label)
    axis.set_title(title, fontsize=10)
    axis.set(
        xlabel=f"largest over second largest eigenvalue, in {unit} (1: round)", ylabel="components", xlim=(1, LARGEST)
    )
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(fontsize=9, frameon=False)
    axis.grid(axis="y", alpha=0.3)
    mark_phantom(figure, phantom)
    save(figure, [path])
