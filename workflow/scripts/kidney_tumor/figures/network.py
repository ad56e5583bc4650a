"""The paper's Fig. 2: the network as it was built."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from kidney_tumor.figures.style import save


def plot_network(title: str, features: Sequence[tuple[str, int, int, int]], path: Path) -> None:
    """Draw a U-Net: a box for each level, as tall as the logarithm of its rows, as wide as that of its channels.

    Args:
        title: The title of the figure.
        features: The features that `unet.trace_features` returns.
        path: The file to write, .png.
    """
    depth = sum(kind == "encoder" for kind, *_ in features) - 1
    figure, axis = plt.subplots(figsize=(9, 5.2), layout="constrained")
    places, level = {}, -1
    for column, (kind, channels, rows, columns) in enumerate(features):
        level = level + 1 if kind == "encoder" else (level - 1 if kind == "decoder" else 0)
        height, width = 0.12 * math.log2(rows + 1), 0.045 * math.log2(channels + 1) + 0.06
        x, y = 1.15 * column, -1.35 * level
        color = {"encoder": "#7fa8d1", "decoder": "#8fc49a"}.get(kind, "#e0a365")
        axis.add_patch(Rectangle((x - width / 2, y - height / 2), width, height, color=color))
        axis.annotate(
            f"{channels} ch", (x, y + height / 2), (0, 3), textcoords="offset points", ha="center", fontsize=8
        )
        axis.annotate(
            f"{rows} x {columns}", (x, y - height / 2), (0, -4),
            textcoords="offset points", ha="center", va="top", fontsize=8,
        )  # fmt: skip
        places[kind, level] = (x, y, width)
    arrow = {"arrowstyle": "->", "color": "black", "shrinkA": 0, "shrinkB": 0}
    for number in range(depth):
        (x, y, width), (right, _, right_width) = places["encoder", number], places["decoder", number]
        start, end = (x + width / 2 + 0.25, y), (right - right_width / 2 - 0.25, y)
        axis.annotate("", end, start, arrowprops=arrow | {"linestyle": "--", "color": "tab:gray"})
    flow = [("input", -1.0, 0.0), *((kind, x, y) for (kind, _), (x, y, _) in places.items())]
    for (_, x, y), (_, right, below) in itertools.pairwise(flow):
        axis.annotate("", (right, below), (x, y), arrowprops=arrow | {"shrinkA": 24, "shrinkB": 24})
    axis.text(-1.0, 0, "image\n1 ch", ha="center", va="center", fontsize=8)
    legend = {
        "encoder: two 3 x 3 convolutions, then 2 x 2 max pooling": "#7fa8d1",
        "decoder: 2 x 2 up-convolution, skip, two 3 x 3 convolutions": "#8fc49a",
        "output: 1 x 1 convolution, sigmoid": "#e0a365",
    }
    handles: list[Artist] = [Rectangle((0, 0), 1, 1, color=color, label=name) for name, color in legend.items()]
    handles.append(Line2D([], [], color="tab:gray", linestyle="--", label="skip connection"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    axis.set(xlim=(-1.5, 1.15 * len(features)), ylim=(-1.35 * depth - 0.9, 1.1), title=title)
    axis.set_axis_off()
    save(figure, [path])
