"""The place of a tumor on its kidney: the area of contact, and the share that grows out of the kidney."""

from itertools import product

import numpy as np

from kidney_tumor.volumes.components import find_components
from kidney_tumor.volumes.masks import Box, RunLengthMask, Shape, Spacing

EXOPHYTIC, ENDOPHYTIC = 0.5, 0.01
"""The exophytic share from which a tumor has class 1 of E, and the share below which it is entirely endophytic.

The score says "entirely"; the hundredth is for voxels that the hull cuts.
"""
SMALLEST_KIDNEY = 1000
"""The volume in mm³ of healthy tissue below which there is no kidney whose contour could be told."""
RUNS_AT_ONCE = 2048
"""The number of runs that are clipped by a convex hull at once, which bounds the memory."""


def list_face_centers(voxels: np.ndarray) -> np.ndarray:
    """List the centers of all faces of voxels, shape (n, axes): shape (2 * axes * n, axes), voxel by voxel."""
    axes = voxels.shape[1]
    faces = np.concatenate([np.eye(axes), -np.eye(axes)]) / 2
    return (voxels[:, None] + faces).reshape(-1, axes)


def measure_contact(kidney: RunLengthMask, tumor: RunLengthMask, main: RunLengthMask, spacing: Spacing) -> float:
    """Measure the area in mm² in which a tumor touches the kidney; NaN without a tumor.

    The area is estimated by Cauchy and Crofton's formula, as twice the mean number of times that lines pass from one to
    the other, per area across the lines. The lines have the 13 directions to a voxel's neighbors, each with the weight
    of the solid angle around it (Ohser and Schladitz, 3D Images of Materials Structures, 2009). A round area comes out
    within some percent for every spacing, while meshes and voxels' faces have steps; a flat one along an axis is a
    tenth too small, and up to a third in slices ten times as thick as their pixels.

    Args:
        kidney: The mask of kidney + tumor.
        tumor: The mask of all tumors.
        main: The mask of the tumor that is measured.
        spacing: The distance between neighboring slices, rows and columns in mm.
    """
    if not len(main):
        return float("nan")
    box = _widen(main.find_box(), main.shape)
    own, healthy = main.crop(box), kidney.crop(box) & ~tumor.crop(box)
    steps = np.array([step for step in product((-1, 0, 1), repeat=3) if any(step)])
    lengths = np.linalg.norm(steps * spacing, axis=1)
    from scipy.spatial import SphericalVoronoi  # only where there is a tumor, as in morphometry.py

    angles = SphericalVoronoi(steps * spacing / lengths[:, None]).calculate_areas() / (4 * np.pi)
    # A step and its opposite, both in the list, find the same lines: one the tumor behind the kidney, one before it.
    passed = [_count_neighbors(own, healthy, step) for step in steps]
    return float(4 * np.prod(spacing) * (angles * passed / lengths).sum())


def _count_neighbors(first: np.ndarray, second: np.ndarray, step: np.ndarray) -> int:
    """Count the voxels of one mask whose neighbor, a step of -1, 0 or 1 along each axis away, is in another mask."""
    here = tuple(slice(max(-move, 0), length - max(move, 0)) for move, length in zip(step, first.shape, strict=True))
    there = tuple(slice(max(move, 0), length - max(-move, 0)) for move, length in zip(step, first.shape, strict=True))
    return int(np.count_nonzero(first[here] & second[there]))


def _widen(box: Box, shape: Shape) -> Box:
    """Widen a box by a voxel on all sides, but not beyond the volume."""
    slices, rows, columns = (
        slice(max(side.start - 1, 0), min(side.stop + 1, length)) for side, length in zip(box, shape, strict=True)
    )
    return slices, rows, columns


def measure_exophytic_share(
    kidney: RunLengthMask, tumor: RunLengthMask, main: RunLengthMask, spacing: Spacing
) -> float:
    """Measure the share of a tumor's voxels outside the convex hull of the kidney in which it grows.

    The hull stands for the kidney's contour before the tumor grew, which no label shows. It closes the renal sinus, so
    that a tumor there is not exophytic. The kidney is what the component of kidney + tumor that holds the tumor has
    besides tumor. The share is NaN without a tumor or without such a kidney of at least 1 mL.

    Args:
        kidney: The mask of kidney + tumor.
        tumor: The mask of all tumors.
        main: The mask of the tumor that is measured.
        spacing: The distance between neighboring slices, rows and columns in mm.
    """
    components = find_components(kidney)
    inside = components.count_inside(main)
    if not inside.any():
        return float("nan")
    host = components.select(np.arange(len(components)) == inside.argmax())
    box = host.find_box()
    healthy = host.crop(box) & ~tumor.crop(box)
    if np.count_nonzero(healthy) * np.prod(spacing) < SMALLEST_KIDNEY:
        return float("nan")
    columns = np.argwhere(healthy.any(0))  # the rows and columns of the lines of voxels along the slices
    lines = healthy[:, *columns.T]
    ends = lines.argmax(0), len(lines) - 1 - lines[::-1].argmax(0)
    outer = np.concatenate([np.column_stack([end, columns]) for end in ends]) + [side.start for side in box]
    from scipy.spatial import ConvexHull  # only where there is a tumor, as in morphometry.py

    hull = ConvexHull(list_face_centers(outer) * spacing)
    return 1 - count_inside_hull(main, hull.equations, spacing) / main.voxels


def count_inside_hull(runs: RunLengthMask, planes: np.ndarray, spacing: Spacing) -> int:
    """Count the voxels of a mask whose centers lie inside a convex hull.

    Args:
        runs: The mask.
        planes: The normals and the offsets of the hull's planes in mm, shape (planes, 4), as `scipy.spatial.ConvexHull`
            has them: inside, the product with (slice, row, column, 1) is at most 0.
        spacing: The distance between neighboring slices, rows and columns in mm.
    """
    along = planes[:, 0] * spacing[0]
    flat = np.abs(along) < 1e-9 * spacing[0]
    first, row, column = runs.locate_starts()
    last, count = first + runs.length - 1, 0
    for start in range(0, len(runs), RUNS_AT_ONCE):
        part = slice(start, start + RUNS_AT_ONCE)
        position = np.stack([row[part] * spacing[1], column[part] * spacing[2], np.ones(len(row[part]))])
        rest = planes[:, 1:] @ position  # the product with a voxel of each run, but for the part of its slice
        beside = (rest[flat] > 1e-9).any(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            cut = -rest / along[:, None]
        low = np.where((along < 0) & ~flat, cut.T, -np.inf).max(1)
        high = np.where((along > 0) & ~flat, cut.T, np.inf).min(1)
        bottom = np.maximum(first[part], np.ceil(low - 1e-9))
        top = np.minimum(last[part], np.floor(high + 1e-9))
        count += int((top - bottom + 1).clip(min=0)[~beside].sum())
    return count


def classify_exophytic(share: float) -> float:
    """Classify a tumor's exophytic share by E of the R.E.N.A.L. score: 1, 2 or 3, NaN if it is undefined."""
    if np.isnan(share):
        return float("nan")
    return 1.0 if share >= EXOPHYTIC else 2.0 if share >= ENDOPHYTIC else 3.0
