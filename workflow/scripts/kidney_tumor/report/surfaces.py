"""Surfaces of labels as triangles, in the format MZ3 (of Surfice and NiiVue)."""

import numpy as np
from isal import igzip
from scipy import ndimage
from skimage.measure import block_reduce, marching_cubes

FINEST = 160
"""Voxels along an edge of a volume whose surface is taken; more triangles are not seen."""
SMOOTHING = 1.0
"""The standard deviation of the Gaussian that smooths a mask before its surface is taken, voxels."""
KEPT = 0.6
"""The smallest value of a mask's voxel after smoothing; above 0.5, so that the voxel stays inside the surface."""
MAGIC, FACES_AND_POINTS = 0x5A4D, 3


def trace_surface(mask: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Trace the surface of a mask, smoothed but for what would vanish: every voxel lies inside it.

    Args:
        mask: (slices, rows, columns), bool, not empty.
        affine: 4 x 4, from voxel indices to mm.

    Returns:
        The points, shape (n, 3), in mm, and the triangles as indices of points, shape (m, 3), which turn
        counterclockwise as seen from outside.
    """
    steps = tuple(-(-length // FINEST) for length in mask.shape)
    small = np.pad(block_reduce(mask, steps, np.max), 2).astype(np.float32)
    smooth = np.maximum(ndimage.gaussian_filter(small, SMOOTHING), KEPT * small)
    points, triangles, *_ = marching_cubes(smooth, 0.5)
    voxels = (points - 2) * steps + (np.array(steps) - 1) / 2
    if np.linalg.det(affine[:3, :3]) > 0:  # scikit-image's turn clockwise, and a mirrored volume turns them over
        triangles = triangles[:, ::-1]
    return voxels @ affine[:3, :3].T + affine[:3, 3], triangles


def encode_surface(points: np.ndarray, triangles: np.ndarray) -> bytes:
    """Encode a surface as MZ3: its points, shape (n, 3), in mm, and its triangles, shape (m, 3); gzipped."""
    header = np.array([MAGIC, FACES_AND_POINTS], "<u2").tobytes()
    header += np.array([len(triangles), len(points), 0], "<u4").tobytes()
    return igzip.compress(header + triangles.astype("<i4").tobytes() + points.astype("<f4").tobytes(), mtime=0)
