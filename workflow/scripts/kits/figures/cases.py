"""Single cases: surfaces (the paper's Fig. 4) and slices."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LightSource
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from nibabel.orientations import apply_orientation, io_orientation
from skimage.measure import block_reduce, marching_cubes

from kits.analysis.scoring import count_false_positives
from kits.data.nifti import KIDNEY, TUMOR
from kits.figures.style import LABEL_COLOURS, save

FINEST = 96
"""Voxels along an edge of what is drawn in 3-D: more take minutes."""


def find_most_filtered(scores: pd.DataFrame) -> pd.Series:
    """The row of `scores` of the case in which filtering removed most false positive voxels, both targets together.

    Of equal cases, the first.

    Args:
        scores: as `scoring.score` returns, and split where there are several.
    """
    keys = [key for key in ("split", "case") if key in scores]
    wide = scores.assign(false=count_false_positives(scores)).groupby([*keys, "stage"])["false"].sum().unstack("stage")
    chosen = (wide["before"] - wide["after"]).idxmax()
    return pd.Series(dict(zip(keys, chosen if len(keys) > 1 else (chosen,), strict=True)))


def plot_surfaces(case: str, before: np.ndarray, after: np.ndarray, affine: list[list[float]], path: Path) -> None:
    """The paper's Fig. 4: the surfaces of a case before (left) and after filtering (right), tumor in orange.

    The patient stands upright and faces the reader. Of voxels drawn as one, the highest label counts, so that nothing
    is too small to be seen.

    Args:
        case: its name.
        before: raw masks merged, (slices, rows, columns), 0 background, 1 kidney, 2 tumor.
        after: post-processed, same shape and labels.
        affine: 4 x 4, from voxel indices to mm.
        path: .png.
    """
    orientation = io_orientation(affine)  # to axes that run to the patient's right, front and head
    before, after = (apply_orientation(volume, orientation) for volume in (before, after))
    spacing = np.linalg.norm(np.array(affine)[:3, :3], axis=0)[np.argsort(orientation[:, 0])]
    steps = tuple(-(-length // FINEST) for length in before.shape)
    scale, extent = spacing * steps, spacing * before.shape
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.6), subplot_kw={"projection": "3d"}, layout="constrained")
    for axis, volume, stage in zip(axes, (before, after), ("before", "after"), strict=True):
        small = block_reduce(volume, steps, np.max)
        for label, colour, opacity in (
            (KIDNEY, LABEL_COLOURS["kidney"], 0.45),
            (TUMOR, LABEL_COLOURS["tumor"], 0.95),
        ):
            mask = np.pad(small == label, 1)  # closed where it touches the border
            if mask.any():
                points, faces, *_ = marching_cubes(mask.astype(np.float32), 0.5, spacing=tuple(scale))
                surface = Poly3DCollection(
                    points[faces], facecolors=colour, alpha=opacity, shade=True,
                    lightsource=LightSource(225, 45),
                )  # fmt: skip
                axis.add_collection3d(surface)
        axis.set(xlim=(0, extent[0]), ylim=(0, extent[1]), zlim=(0, extent[2]), title=f"{case}, {stage} filtering")
        axis.set_box_aspect(tuple(extent))  # which it would scale in place
        axis.view_init(elev=12, azim=80)
        axis.set(xlabel="to the patient's right, mm", zlabel="to the head, mm")
        axis.tick_params(labelsize=7)
        axis.set_yticks([])
    save(figure, [path])


def plot_slice(
    case: str, image: np.ndarray, labels: dict[str, np.ndarray], window: tuple[float, float], aspect: float, path: Path
) -> None:
    """The slice that shows most true tumor: image, truth, before and after post-processing.

    Args:
        case: its name.
        image: (slices, size, size), HU.
        labels: truth, before and after, each in the image's shape, 0 background, 1 kidney, 2 tumor.
        window: HU shown as black and as white.
        aspect: height of a pixel over its width, in mm.
        path: .png.
    """
    truth = labels["truth"]
    tumor, organ = (truth == TUMOR).sum((1, 2)), (truth > 0).sum((1, 2))
    number = max(range(len(truth)), key=lambda i: (tumor[i], organ[i]))
    figure, axes = plt.subplots(1, 1 + len(labels), figsize=(2.8 * (1 + len(labels)), 3.5), layout="constrained")
    for axis, (name, label) in zip(axes, {"image": None, **labels}.items(), strict=True):
        axis.imshow(image[number], cmap="gray", vmin=window[0], vmax=window[1], aspect=aspect)
        axis.set_title(f"{case}, slice {number}" if label is None else name, fontsize=10)
        axis.set_axis_off()
        for value, colour in zip((KIDNEY, TUMOR), LABEL_COLOURS.values(), strict=True):
            if label is not None and (label[number] == value).any():
                axis.contour(label[number] == value, [0.5], colors=[colour], linewidths=1.4)
    handles = [plt.Line2D([], [], color=colour, label=name) for name, colour in LABEL_COLOURS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    save(figure, [path])
