"""What all figures share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from kidney_tumor.files import write_atomically
from kidney_tumor.volumes.colors import LABEL_COLORS

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

COLORS = {"before": "tab:blue", "after": "tab:red"}
SCALES_MM = (1, 2, 5, 10, 20, 50, 100)
"""The lengths that the line of a picture can have."""
TITLES = {"kidney_tumor": "Kidney + tumor", "tumor": "Tumor"}

# Without these, every run of the same data would write other bytes into SVG and PDF.
plt.rcParams["svg.hashsalt"] = "kits"
METADATA: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def add_label_legend(figure: Figure, further: Sequence[Artist] = ()) -> None:
    """Explain the colors of kidney and tumor, and further artists by their labels, below a figure's panels."""
    patches = [Rectangle((0, 0), 1, 1, color=color, label=name) for name, color in LABEL_COLORS.items()]
    figure.legend(handles=[*patches, *further], loc="outside lower center", ncols=3, fontsize=9, frameon=False)


def draw_labels(axis: Axes, labels: np.ndarray, aspect: float) -> None:
    """Draw a slice of labels, shape (rows, columns), whose pixels are `aspect` times as high as wide."""
    colors = ListedColormap(["black", *LABEL_COLORS.values()])
    axis.imshow(labels, cmap=colors, vmin=0, vmax=2, aspect=aspect, interpolation="nearest")


def draw_scale(axis: Axes, pixel_mm: float, columns: int) -> None:
    """Draw a white line at the lower left of a picture of so many columns, and say how many mm it is long."""
    length = max((mm for mm in SCALES_MM if mm <= columns * pixel_mm / 2), default=SCALES_MM[0])
    share = length / (columns * pixel_mm)
    axis.plot([0.04, 0.04 + share], [0.05, 0.05], "-", color="white", linewidth=1.2, transform=axis.transAxes)
    axis.text(0.04, 0.08, f"{length} mm", color="white", fontsize=5, transform=axis.transAxes)


def draw_lower_half(axis: Axes, size: int) -> Line2D:
    """Draw the upper edge of the lower half of a slice of `size` rows: the tumor network sees what lies below it."""
    label = "upper edge of the lower half, which the tumor network sees"
    return axis.axhline(size // 2 - 0.5, color="#f2c14e", linestyle="--", linewidth=1, label=label)


def mark_phantom(figure: Figure, phantom: bool) -> None:
    """Say on a figure that its cases are phantoms, if they are."""
    if phantom:
        figure.suptitle("PHANTOM COHORT: generated cases, no patients", color="tab:red")


def save(figure: Figure, paths: Sequence[Path]) -> None:
    """Write a figure as .png, .svg or .pdf, each whole or not at all, and close it."""
    for path in paths:
        with write_atomically(path) as temporary:
            figure.savefig(temporary, dpi=200, metadata=METADATA.get(path.suffix))
    plt.close(figure)
