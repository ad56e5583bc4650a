"""The nearest tumor that the filter's range of ratios accepts: the true one without its most extreme voxels."""

import numpy as np

from kidney_tumor.filter.constraints import RatioRange
from kidney_tumor.volumes.components import VOXELS, Components, compute_eigenvalues, compute_ratio
from kidney_tumor.volumes.masks import RunLengthMask, Spacing

SHARES = np.arange(0.005, 1, 0.005)
"""The shares of its voxels that a tumor may lose."""
FEWEST = 10
"""The fewest voxels that are left of a tumor."""


def trim_tumors(tumors: Components, spacing: Spacing, ratios: RatioRange) -> RunLengthMask:
    """Trim each tumor whose eigenvalue ratio is outside the range by the least share that brings it inside.

    A tumor that is too long loses the voxels at both ends of its longest axis; one that is too round, those at both
    ends of its second axis. A tumor that no share brings inside stays as it is. The filter has the last word, since a
    trimmed tumor may fall apart.

    Args:
        tumors: The components of a tumor mask.
        spacing: The distance between neighboring slices, rows and columns in mm.
        ratios: The accepted ratios.
    """
    scale = spacing if ratios.unit == "mm" else VOXELS
    found = compute_ratio(compute_eigenvalues(tumors, scale))
    outside = np.flatnonzero(((found < ratios.low) | (found > ratios.high)) & (tumors.voxels > FEWEST))
    if not len(outside):
        return tumors.runs
    whole = tumors.runs.find_box()
    volume = tumors.runs.crop(whole)
    for number in outside:
        tumor = tumors.select(np.arange(len(tumors)) == number)
        box = tumor.find_box()
        voxels = np.argwhere(tumor.crop(box))
        offset = [side.start - edge.start for side, edge in zip(box, whole, strict=True)]
        removed = voxels[find_extremes(voxels * scale, ratios)] + offset
        volume[tuple(removed.T)] = False
    return RunLengthMask.from_box(tumors.runs.shape, whole, volume)


def find_extremes(places: np.ndarray, ratios: RatioRange) -> np.ndarray:
    """Find the voxels of a component, by their places of shape (n, 3), without which its ratio is in the range.

    Returns:
        The numbers of the voxels, the most extreme first; none if no share of them suffices.
    """
    centered = places - places.mean(0)
    variances, axes = np.linalg.eigh(centered.T @ centered)
    axis = axes[:, -1] if variances[-1] > ratios.high * variances[-2] else axes[:, -2]
    inward = np.argsort(np.abs(centered @ axis), kind="stable")
    counts = np.round(len(places) * (1 - SHARES)).astype(int)
    counts = counts[counts >= FEWEST]
    ordered = centered[inward]
    sums = np.cumsum(ordered, 0)[counts - 1]
    products = np.stack([np.cumsum(ordered[:, i] * ordered[:, j])[counts - 1] for i in range(3) for j in range(3)], 1)
    scatter = products.reshape(-1, 3, 3) - sums[:, :, None] * sums[:, None, :] / counts[:, None, None]
    found = compute_ratio(np.linalg.eigvalsh(scatter)[:, ::-1].clip(min=0))
    passing = np.flatnonzero((ratios.low <= found) & (found <= ratios.high))
    return inward[counts[passing[0]] :][::-1] if len(passing) else np.zeros(0, int)
