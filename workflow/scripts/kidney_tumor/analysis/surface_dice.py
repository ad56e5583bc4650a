"""The surface Dice, also called normalized surface Dice: the share of two surfaces within a tolerance of each other.

It is that of Nikolov et al. (arXiv 1809.04430) and of their library `surface-distance`: a surface lies on the corners
between voxels, each of which stands for the area that marching cubes gives its eight neighbors. The areas are taken
from the library. Its own function computes a distance for each voxel of the box around both masks, which a few false
positives far away make as large as the volume; here a tree searches the distances between corners of surfaces only.
"""

import numpy as np
from scipy.spatial import cKDTree
from surface_distance.lookup_tables import ENCODE_NEIGHBOURHOOD_3D_KERNEL, create_table_neighbour_code_to_surface_area

from kidney_tumor.volumes.masks import Box, Mask, RunLengthMask, Spacing, encode


def compute_surface_dice(truth: Mask, prediction: Mask, spacing: Spacing, tolerance_mm: float) -> float:
    """Compute the surface Dice of two masks of the same shape.

    Args:
        truth: The true mask.
        prediction: The predicted mask.
        spacing: The distance between neighboring slices, rows and columns in mm.
        tolerance_mm: The largest distance at which one surface counts as lying on the other.

    Returns:
        The area of both surfaces within the tolerance of the other, over their whole area. It is undefined, NaN, if
        both masks are empty, and 0 if one is.
    """
    truth, prediction = encode(truth), encode(prediction)
    if not len(truth) or not len(prediction):
        return 0.0 if len(truth) or len(prediction) else float("nan")
    surfaces = [_find_surface(mask, spacing) for mask in (truth, prediction)]
    trees = [cKDTree(points) for points, _ in surfaces]
    near, whole = 0.0, 0.0
    for (points, areas), other in zip(surfaces, reversed(trees), strict=True):
        # The tree knows no neighbor beyond the bound, whose distance is infinite then.
        distances, _ = other.query(points, distance_upper_bound=1.01 * tolerance_mm)
        near += areas[distances <= tolerance_mm].sum()
        whole += areas.sum()
    return float(near / whole)


def _find_surface(mask: RunLengthMask, spacing: Spacing) -> tuple[np.ndarray, np.ndarray]:
    """Find the corners of voxels on the surface of a mask: their places in mm, shape (n, 3), and areas in mm²."""
    box: Box = mask.find_box()
    framed = np.pad(mask.crop(box).view(np.uint8), 1)
    corners = tuple(side.stop - side.start + 1 for side in box)
    codes = np.zeros(corners, np.uint8, order="F")
    for offset in np.ndindex(2, 2, 2):
        neighbor = tuple(slice(first, first + length) for first, length in zip(offset, corners, strict=True))
        codes |= framed[neighbor] * np.uint8(ENCODE_NEIGHBOURHOOD_3D_KERNEL[offset])
    codes = codes.ravel(order="F")
    found = np.flatnonzero((codes != 0) & (codes != 255))  # neither outside nor inside with all its neighbors
    places = np.stack(np.unravel_index(found, corners, order="F"), 1)
    areas = create_table_neighbour_code_to_surface_area(spacing)[codes[found]]
    return (places + [side.start for side in box]) * spacing, areas
