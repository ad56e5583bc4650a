"""How far the surfaces of two masks lie apart: the surface Dice and the 95 % Hausdorff distance.

Both are those of Nikolov et al. (arXiv 1809.04430) and of their library `surface-distance`: a surface lies on the
corners between voxels, each of which stands for the area that marching cubes gives its eight neighbors. The areas are
taken from the library. Its own function computes a distance for each voxel of the box around both masks, which a few
false positives far away make as large as the volume, and stops under numpy 2 if a mask is empty; here a tree searches
the distances between corners of surfaces only.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from surface_distance.lookup_tables import ENCODE_NEIGHBOURHOOD_3D_KERNEL, create_table_neighbour_code_to_surface_area

from kidney_tumor.volumes.masks import Mask, RunLengthMask, Spacing, encode

BLOCK = 64
"""The columns whose corners are computed at a time, so that two voxels far apart take no memory for all between."""


@dataclass(frozen=True)
class SurfaceDistances:
    """The distances between the surfaces of two masks, the true one first.

    Attributes:
        distances: For both surfaces, the distance of each corner to the nearest of the other in mm, each of shape (n,).
        areas: For both surfaces, the area of each corner in mm², each of shape (n,).
    """

    distances: tuple[np.ndarray, np.ndarray]
    areas: tuple[np.ndarray, np.ndarray]

    def compute_surface_dice(self, tolerance_mm: float) -> float:
        """Compute the surface Dice: the area of both surfaces within the tolerance of the other, over their whole area.

        It is also called normalized surface Dice.
        """
        pairs = list(zip(self.distances, self.areas, strict=True))
        near = sum(areas[distances <= tolerance_mm].sum() for distances, areas in pairs)
        return float(near / sum(areas.sum() for _, areas in pairs))

    def compute_hd95(self) -> float:
        """Compute the larger of the distances in mm within which 95 % of the area of one surface lie of the other."""
        return max(self._find_percentile(side, 0.95) for side in (0, 1))

    def _find_percentile(self, side: int, share: float) -> float:
        order = np.argsort(self.distances[side], kind="stable")
        areas = np.cumsum(self.areas[side][order])
        return float(self.distances[side][order][np.searchsorted(areas / areas[-1], share)])


def measure_surfaces(truth: Mask, prediction: Mask, spacing: Spacing) -> SurfaceDistances:
    """Measure how far the surfaces of two masks of the same shape, neither of which is empty, lie apart.

    Args:
        truth: The true mask.
        prediction: The predicted mask.
        spacing: The distance between neighboring slices, rows and columns in mm.
    """
    (true_points, true_areas), (points, areas) = (_find_surface(encode(mask), spacing) for mask in (truth, prediction))
    to_truth, _ = cKDTree(true_points).query(points)
    from_truth, _ = cKDTree(points).query(true_points)
    return SurfaceDistances((from_truth, to_truth), (true_areas, areas))


def measure_area(mask: RunLengthMask, spacing: Spacing) -> float:
    """Measure the area of the surface of a mask that is not empty, in mm²."""
    return float(_find_surface(mask, spacing)[1].sum())


def _find_surface(mask: RunLengthMask, spacing: Spacing) -> tuple[np.ndarray, np.ndarray]:
    """Find the corners of voxels on the surface of a mask: their places in mm, shape (n, 3), and areas in mm²."""
    slices, rows, columns = mask.find_box()
    table = create_table_neighbour_code_to_surface_area(spacing)
    places, areas = [], []
    for first in range(columns.start, columns.stop + 1, BLOCK):  # the corners between a column and the one before it
        last = min(first + BLOCK, columns.stop + 1)
        inside = slice(max(first - 1, columns.start), min(last, columns.stop))
        frame = (1, 1), (1, 1), (int(first == columns.start), int(last > columns.stop))
        codes = _compute_codes(np.pad(mask.crop((slices, rows, inside)).view(np.uint8), frame))
        found = np.flatnonzero((codes != 0) & (codes != 255))  # neither outside nor inside with all its neighbors
        corner = slices.stop - slices.start + 1, rows.stop - rows.start + 1, last - first
        inner = np.stack(np.unravel_index(found, corner, order="F"), 1)
        places.append(inner + np.array([slices.start, rows.start, first]))
        areas.append(table[codes[found]])
    return np.concatenate(places) * spacing, np.concatenate(areas)


def _compute_codes(voxels: np.ndarray) -> np.ndarray:
    """Compute the code of the eight neighbors of each corner between voxels, shape (n,), uint8, slices fastest."""
    corners = tuple(length - 1 for length in voxels.shape)
    codes = np.zeros(corners, np.uint8, order="F")
    for offset in np.ndindex(2, 2, 2):
        neighbor = tuple(slice(first, first + length) for first, length in zip(offset, corners, strict=True))
        codes |= voxels[neighbor] * np.uint8(ENCODE_NEIGHBOURHOOD_3D_KERNEL[offset])
    return codes.ravel(order="F")
