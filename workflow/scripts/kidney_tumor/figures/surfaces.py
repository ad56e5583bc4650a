"""The surfaces of a single case, the paper's Fig. 4."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LightSource, to_rgba
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, MultipleLocator, NullFormatter
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from mpl_toolkits.mplot3d.axes3d import Axes3D
from scipy import ndimage
from skimage.measure import block_reduce, marching_cubes

from kidney_tumor.figures.style import add_label_legend, mark_phantom, save
from kidney_tumor.volumes.colors import LABEL_COLORS
from kidney_tumor.volumes.labels import KIDNEY, TUMOR

FINEST = 96
"""Voxels along an edge of what is drawn in 3-D: more take minutes."""
AZIMUTH, ELEVATION = 80, 12
"""The reader looks at the surfaces from the patient's front, a little from the side and from above, degrees."""
LONGEST = 3.5
"""Inches that the longer side of the drawn box takes in its panel."""


def plot_surfaces(
    case: str,
    before: np.ndarray,
    after: np.ndarray,
    spacing: tuple[float, float, float],
    phantom: bool,
    path: Path,
) -> None:
    """Draw the paper's Fig. 4: the surfaces of a case before (left) and after filtering (right).

    The patient stands upright and faces the reader, at the same scale along all three axes. Both panels show the box
    that encloses what is labelled in either, or the whole volume where nothing is. Of voxels drawn as one, the highest
    label counts, so that nothing is too small to be seen.

    Args:
        case: The name of the case.
        before: The raw masks merged, (slices, rows, columns), 0 background, 1 kidney, 2 tumor.
        after: The post-processed labels, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.
        phantom: Whether the cases are phantoms, which is said.
        path: The file to write, .png.
    """
    # To axes that run to the patient's right, front and head.
    before, after = (volume.T[::-1, ::-1, ::-1] for volume in (before, after))
    steps = np.array(spacing[::-1])
    found = ndimage.find_objects(np.logical_or(before, after).view(np.uint8))
    box = found[0] if found else (slice(None),) * 3
    before, after = before[box], after[box]
    extent = steps * before.shape
    width, depth, height = extent
    turn, tilt = np.deg2rad((AZIMUTH, ELEVATION))
    drawn = (
        width * np.sin(turn) + depth * np.cos(turn),
        height * np.cos(tilt) + (width * np.cos(turn) + depth * np.sin(turn)) * np.sin(tilt),
    )  # of the box on the page, across and upwards, mm
    scale = LONGEST / max(drawn)
    panel = scale * drawn[1] + 0.8
    head = 0.3 if phantom else 0  # for the mark, inches
    total = 0.3 + panel + 0.4 + head  # legend, panels, titles
    figure, axes = plt.subplots(
        1, 2, figsize=(9, total), subplot_kw={"projection": "3d", "proj_type": "ortho"},
        gridspec_kw={"left": 0, "right": 1, "wspace": 0, "bottom": 0.3 / total, "top": 1 - (0.4 + head) / total},
    )  # fmt: skip
    grid = np.diff(MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(0, max(extent)))[0]
    for axis, volume in zip(axes, (before, after), strict=True):
        _draw_surfaces(axis, volume, steps)
        axis.set(xlim=(0, width), ylim=(0, depth), zlim=(0, height))
        axis.set_box_aspect(tuple(extent), zoom=scale * np.linalg.norm(extent) / panel)  # it would scale in place
        axis.view_init(elev=ELEVATION, azim=AZIMUTH)
        for line in (axis.xaxis, axis.yaxis, axis.zaxis):
            line.set_major_locator(MultipleLocator(grid))
            line.set_major_formatter(NullFormatter())
        axis.text(width, depth, 0, "R  ", ha="right", va="center")
        axis.text(0, depth, 0, "  L", ha="left", va="center")
    for middle, stage in ((0.25, "before"), (0.75, "after")):
        figure.text(middle, 1 - (0.15 + head) / total, f"{case}, {stage} filtering", fontsize=12, ha="center", va="top")
    add_label_legend(figure, [Line2D([], [], color="tab:gray", label=f"grid of {grid:g} mm")])
    mark_phantom(figure, phantom)
    save(figure, [path])


def _draw_surfaces(axis: Axes3D, volume: np.ndarray, spacing: np.ndarray) -> None:
    """Draw the surfaces of both labels of a volume, whose voxels reach from 0 to its extent in mm."""
    steps = tuple(-(-length // FINEST) for length in volume.shape)
    small = block_reduce(volume, steps, np.max)
    triangles, colors = [], []
    for label, color, opacity in ((KIDNEY, LABEL_COLORS["kidney"], 0.45), (TUMOR, LABEL_COLORS["tumor"], 0.95)):
        mask = np.pad(small == label, 1)  # closed where it touches the border
        if mask.any():
            points, faces, *_ = marching_cubes(mask.astype(np.float32), 0.5)
            points = np.minimum((points - 0.5) * steps, volume.shape) * spacing  # blocks may reach beyond the volume
            triangles.append(points[faces])
            colors.append(np.tile(to_rgba(color, opacity), (len(faces), 1)))
    if triangles:  # in one collection, since each is drawn whole, in front of another or behind it
        axis.add_collection3d(
            Poly3DCollection(
                np.concatenate(triangles), facecolors=np.concatenate(colors), shade=True,
                lightsource=LightSource(225, 45),
            )
        )  # fmt: skip
