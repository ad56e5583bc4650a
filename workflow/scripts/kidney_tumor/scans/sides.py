"""On which side of the body's axis each kidney lies."""

import numpy as np

from kidney_tumor.volumes.components import Components, find_components
from kidney_tumor.volumes.masks import Mask, Spacing, encode

BODY_HU = -300
"""The attenuation above which a voxel belongs to the body."""
MIDLINE_MM = 15
"""The distance from the body's axis within which no kidney's center lies, from side to side."""
SMALL = 0.02
"""The share of the largest component below which another one is no kidney, but a crumb."""


def find_axis(images: np.ndarray, width: float) -> float:
    """Find the body's axis: how far it lies from the right end of a scan, in mm.

    Args:
        images: The scan's extracted slices in HU, shape (slices, size, size); columns run to the patient's left.
        width: The width of the scan, mm.
    """
    columns = images.shape[2]
    body = (images > BODY_HU).sum((0, 1))
    middle = np.average(np.arange(columns) + 0.5, weights=body) if body.any() else columns / 2
    return float(middle * width / columns)


def locate_pieces(pieces: Components, spacing: Spacing) -> np.ndarray:
    """Say how far from the right end of the scan the center of each component lies, in mm, shape (n,)."""
    _, _, column = pieces.runs.locate_starts()
    return (pieces.sum_by_component(column * pieces.runs.length) / pieces.voxels + 0.5) * spacing[2]


def measure_sides(kidney: Mask, tumor: Mask, spacing: Spacing, images: np.ndarray) -> dict[str, float]:
    """Measure the kidney on each side of the body's axis, without tumors, in mL.

    Both are NaN if a kidney's center lies so near the axis that its side is not certain, as that of a horseshoe kidney.

    Args:
        kidney: The mask of kidney + tumor.
        tumor: The mask of the tumor, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.
        images: The scan's extracted slices in HU, shape (slices, size, size).

    Returns:
        The values of `data.measures.SIDES`.
    """
    pieces = find_components(encode(kidney))
    away = locate_pieces(pieces, spacing) - find_axis(images, pieces.runs.shape[2] * spacing[2])
    large = pieces.voxels > SMALL * pieces.voxels.max(initial=0)
    volumes = (pieces.voxels - pieces.count_inside(encode(tumor))) * float(np.prod(spacing)) / 1000
    known = 1 if (abs(away[large]) >= MIDLINE_MM).all() else np.nan
    left, right = (known * float(volumes[side].sum()) for side in (away > 0, away <= 0))
    return {"kidney_left_ml": left, "kidney_right_ml": right}
