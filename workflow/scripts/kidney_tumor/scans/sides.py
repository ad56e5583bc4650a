"""The body's axis, and how much kidney lies on each side of it."""

import numpy as np

from kidney_tumor.volumes.masks import Mask, RunLengthMask, Spacing, encode

BODY_HU = -300
"""The attenuation above which a voxel belongs to the body."""


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


def mark_left(runs: RunLengthMask, spacing: Spacing, images: np.ndarray) -> np.ndarray:
    """Mark the runs of a mask, shape (runs,), bool, that lie to the patient's left of the body's axis.

    Args:
        runs: The mask.
        spacing: The distance between neighboring slices, rows and columns in mm.
        images: The scan's extracted slices in HU, shape (slices, size, size).
    """
    _, _, column = runs.locate_starts()
    return (column + 0.5) * spacing[2] > find_axis(images, runs.shape[2] * spacing[2])


def measure_sides(kidney: Mask, tumor: Mask, spacing: Spacing, images: np.ndarray) -> dict[str, float]:
    """Measure the kidneys, without tumors, on each side of the body's axis, in mL; one that crosses it counts in both.

    Args:
        kidney: The mask of kidney + tumor.
        tumor: The mask of the tumor, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.
        images: The scan's extracted slices in HU, shape (slices, size, size).

    Returns:
        The values of `data.measures.SIDES`.
    """
    runs = encode(kidney)
    healthy = (runs.length - runs.count_common(encode(tumor))) * float(np.prod(spacing)) / 1000
    is_left = mark_left(runs, spacing, images)
    return {"kidney_left_ml": float(healthy[is_left].sum()), "kidney_right_ml": float(healthy[~is_left].sum())}
