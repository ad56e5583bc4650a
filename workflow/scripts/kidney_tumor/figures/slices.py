"""A slice of a single case: image, true labels, before and after post-processing."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects

from kidney_tumor.data.slices import LOWER_HALF
from kidney_tumor.figures.style import add_label_legend, draw_lower_half, mark_phantom, save
from kidney_tumor.volumes.colors import LABEL_COLORS
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.labels import KIDNEY, TUMOR


def plot_slice(
    case: str,
    image: np.ndarray,
    labels: dict[str, np.ndarray],
    window: tuple[float, float],
    geometry: Geometry,
    phantom: bool,
    path: Path,
    tumor_rows: str,
) -> None:
    """Draw the slice that shows most true tumor: image, truth, before and after post-processing.

    Letters at the sides of the image name the patient's side that lies there.

    Args:
        case: The name of the case.
        image: (slices, size, size), HU.
        labels: A volume for each further panel by its title, truth first, each in the image's shape, 0 background,
            1 kidney, 2 tumor.
        window: The HU shown as black and as white.
        geometry: The grid of the volume that the slices come from.
        phantom: Whether the cases are phantoms, which is said.
        path: The file to write, .png.
        tumor_rows: The rows that the tumor network sees; the edge of the `lower_half` is drawn.
    """
    truth = labels["truth"]
    tumor, organ = (truth == TUMOR).sum((1, 2)), (truth > 0).sum((1, 2))
    number = max(range(len(truth)), key=lambda i: (tumor[i], organ[i]))
    height, width = np.array(geometry.shape[1:]) * geometry.spacing[1:]
    panels = 1 + len(labels)
    size = (2.8 * panels, 2.8 * height / width + 0.7)
    figure, axes = plt.subplots(1, panels, figsize=size, layout="constrained")
    edges = []
    for axis, (name, label) in zip(axes, {"image": None, **labels}.items(), strict=True):
        axis.imshow(image[number], cmap="gray", vmin=window[0], vmax=window[1], aspect=height / width)
        axis.set_title(f"{case}, slice {number}" if label is None else name, fontsize=10)
        axis.set_axis_off()
        if tumor_rows == LOWER_HALF:
            edges.append(draw_lower_half(axis, image.shape[1]))
        for x, side, place in zip((0.02, 0.98), "RL", ("left", "right"), strict=True):
            text = axis.text(x, 0.97, side, transform=axis.transAxes, color="white", fontsize=10, ha=place, va="top")
            text.set_path_effects([patheffects.withStroke(linewidth=2, foreground="black")])
        for value, color in zip((KIDNEY, TUMOR), LABEL_COLORS.values(), strict=True):
            if label is not None and (label[number] == value).any():
                axis.contour(label[number] == value, [0.5], colors=[color], linewidths=1.4)
    add_label_legend(figure, edges[:1])
    mark_phantom(figure, phantom)
    save(figure, [path])
