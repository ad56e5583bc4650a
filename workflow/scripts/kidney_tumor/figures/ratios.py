"""The distribution of the tumors' shapes from which the filter's range follows (paper, section 2.2)."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from kidney_tumor.figures.style import mark_phantom, save

Range = tuple[float, float]
LARGEST = 6.0
"""The ratio from which on all components are drawn in the last bar."""


def plot_ratios(components: pd.DataFrame, accepted: Range | None, paper: Range, phantom: bool, path: Path) -> None:
    """Draw a histogram of the labeled tumors' eigenvalue ratios, with the accepted range and the paper's.

    Args:
        components: The column ratio; infinite ratios are drawn in the last bar.
        accepted: The lowest and the highest accepted ratio; None for any ratio.
        paper: Those that the paper states in section 2.2.
        phantom: Whether the cases are phantoms.
        path: The file to write, .png.
    """
    figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
    ratios = components["ratio"].clip(upper=LARGEST)
    axis.hist(ratios, bins=np.arange(1, LARGEST + 0.1, 0.1).tolist(), color="#e0653a", alpha=0.75)
    title = f"{len(components)} labeled tumor components"
    if accepted:
        low, high = accepted
        axis.axvspan(low, high, color="tab:green", alpha=0.12, label=f"accepted: {low:.3f} to {high:.3f}")
        title += f", {(~components['ratio'].between(low, high)).sum()} of them outside the accepted range"
    for number, edge in enumerate(paper):
        label = f"the paper's range: {paper[0]} to {paper[1]}" if number == 0 else None
        axis.axvline(edge, color="black", linestyle="--", linewidth=1.2, label=label)
    axis.set_title(title, fontsize=10)
    axis.set(xlabel="largest over second largest eigenvalue (1: round)", ylabel="components", xlim=(1, LARGEST))
    axis.legend(fontsize=9, frameon=False)
    axis.grid(axis="y", alpha=0.3)
    mark_phantom(figure, phantom)
    save(figure, [path])
