"""What all figures share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

from kits.cli import write_atomically

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {"before": "tab:blue", "after": "tab:red"}
TITLES = {"kidney_tumor": "Kidney + tumor", "tumor": "Tumor"}
LABEL_COLOURS = {"kidney": "#3f9f8f", "tumor": "#e0653a"}

# Without these, every run of the same data would write other bytes into SVG and PDF.
plt.rcParams["svg.hashsalt"] = "kits"
METADATA: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def save(figure: plt.Figure, paths: Sequence[Path]) -> None:
    """Write a figure as .png, .svg or .pdf, each whole or not at all, and close it."""
    for path in paths:
        with write_atomically(path) as temporary:
            figure.savefig(temporary, dpi=200, metadata=METADATA.get(path.suffix))
    plt.close(figure)
