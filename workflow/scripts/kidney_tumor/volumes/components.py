"""The connected components of a mask and their shape (paper, section 2.2)."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as graph_components

from kidney_tumor.volumes.masks import RunLengthMask, Spacing

VOXELS: Spacing = (1.0, 1.0, 1.0)
"""The spacing with which lengths are in voxels, whatever their size."""
FLAT = 1e-9
"""An eigenvalue below this share of the largest comes from rounding, not from extent."""


@dataclass(frozen=True)
class Components:
    """The 26-connected components of a mask, in the order of their first voxels, slices fastest.

    Attributes:
        runs: The runs of the mask.
        owner: The number of the component to which each run belongs, shape (runs,).
        voxels: The number of voxels of each component, shape (n,).
    """

    runs: RunLengthMask
    owner: np.ndarray
    voxels: np.ndarray

    def __len__(self) -> int:
        return len(self.voxels)

    def select(self, keep: np.ndarray) -> RunLengthMask:
        """Select the components that `keep`, a boolean array of shape (n,), marks."""
        return self.runs[keep[self.owner]]

    def count_inside(self, mask: RunLengthMask) -> np.ndarray:
        """Count the voxels of each component, shape (n,), that lie in a mask of the same shape."""
        return self.sum_by_component(self.runs.count_common(mask)).astype(np.int64)

    def count_shared(self, other: "Components") -> np.ndarray:
        """Count the voxels that each component shares with each one of another mask of the same shape: (n, others)."""
        i, j, shared = self.runs.find_overlaps(other.runs)
        table = np.zeros((len(self), len(other)), np.int64)
        np.add.at(table, (self.owner[i], other.owner[j]), shared.length)
        return table

    def sum_by_component(self, values: np.ndarray) -> np.ndarray:
        """Sum the values of the runs, shape (runs,), over each component, shape (n,)."""
        return np.bincount(self.owner, values, len(self))


def number_sets(runs: RunLengthMask, distances: list[int], reach: int) -> np.ndarray:
    """Number the sets of connected runs from 0, in the order of their first runs.

    Args:
        runs: The runs to connect.
        distances: The distances, in positions, to the lines of voxels that hold neighbors.
        reach: 1 if voxels that share an edge or a corner are neighbors, 0 if only those that share a face are.

    Returns:
        The number of each run's set, shape (runs,).
    """
    pairs = [runs.find_touching(distance, reach) for distance in distances]
    i, j = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(i), bool), (i, j)), shape=(len(runs), len(runs)))
    return graph_components(graph, directed=False)[1]


def unite(one: RunLengthMask, other: RunLengthMask) -> RunLengthMask:
    """Unite two masks of the same shape."""
    start, stop = (np.sort(np.concatenate(ends)) for ends in ((one.start, other.start), (one.stop, other.stop)))
    apart = start[1:] > stop[:-1]  # a run begins after all before it have ended
    edge = np.ones(min(1, len(start)), bool)
    return RunLengthMask(one.shape, start[np.append(edge, apart)], stop[np.append(apart, edge)])


def find_components(runs: RunLengthMask) -> Components:
    """Find the 26-connected components of a mask."""
    line, column = runs.line, runs.column
    owner = number_sets(runs, [line, column - line, column, column + line], reach=1)
    return Components(runs, owner, np.bincount(owner, runs.length).astype(np.int64))


def fill_holes(runs: RunLengthMask) -> RunLengthMask:
    """Fill the background from which no 6-connected path leads to the volume's border.

    The result is that of `scipy.ndimage.binary_fill_holes` in 3-D. A gap between runs is part of a hole if it is
    connected to no gap that reaches the frame.
    """
    end = runs.column * (runs.shape[2] + 2)
    gaps = RunLengthMask(runs.shape, np.append(0, runs.stop), np.append(runs.start, end))
    owner = number_sets(gaps, [runs.line, runs.column], reach=0)
    framed = gaps.start // runs.line != gaps.stop // runs.line
    hole = ~np.isin(owner, owner[framed])
    return RunLengthMask(runs.shape, runs.start[~hole[:-1]], runs.stop[~hole[1:]])


def compute_covariances(components: Components) -> np.ndarray:
    """Compute the covariance of each component's slices, rows and columns, shape (n, 3, 3), in voxels squared.

    It is divided by N - 1 as in `numpy.cov`. That of a single voxel is 0.
    """
    length = components.runs.length
    first, row, column = components.runs.locate_starts()
    centered = []  # the means are subtracted first, since a difference of large sums would lose digits
    for axis in (first + (length - 1) / 2, row, column):
        mean = components.sum_by_component(axis * length) / components.voxels
        centered.append(axis - mean[components.owner])
    covariance = np.empty((len(components), 3, 3))
    for i in range(3):
        for j in range(i + 1):
            moment = components.sum_by_component(centered[i] * centered[j] * length)
            if i == j == 0:  # add the moment of the voxels about the middle of their run
                moment += components.sum_by_component(length * (length**2 - 1) / 12)
            covariance[:, i, j] = covariance[:, j, i] = moment / np.maximum(components.voxels - 1, 1)
    return covariance


def compute_eigenvalues(components: Components, spacing: Spacing = VOXELS) -> np.ndarray:
    """Compute the principal variances of each component, shape (n, 3), largest first: the covariance's eigenvalues.

    Args:
        components: The components.
        spacing: The distance between neighboring slices, rows and columns: in mm for mm squared, by default in voxels.
    """
    return _diagonalize(compute_covariances(components) * np.outer(spacing, spacing))


def compute_thin_eigenvalues(components: Components, times: float) -> np.ndarray:
    """Compute the principal variances that components have, in voxels, once each of their slices is repeated.

    This is what nearest-neighbor interpolation to thinner slices does. Variances are divided by N here.

    Args:
        components: The components.
        times: The number of thin slices in place of one. It need not be whole: the formula then lies between.
    """
    population = compute_covariances(components) * (1 - 1 / components.voxels)[:, None, None]
    repeated = population * np.outer((times, 1, 1), (times, 1, 1))
    repeated[:, 0, 0] += (times**2 - 1) / 12  # the variance of the thin slices within a thick one
    return _diagonalize(repeated)


def _diagonalize(covariances: np.ndarray) -> np.ndarray:
    """Compute the eigenvalues of covariances, (n, 3, 3) to (n, 3), largest first."""
    return np.linalg.eigvalsh(covariances)[:, ::-1].clip(min=0)


def compute_ratio(values: np.ndarray) -> np.ndarray:
    """Divide the largest eigenvalue by the second largest: (n, 3) to (n,).

    The ratio of a round component is 1. A component without extent along its second axis, such as a line of voxels, has
    an infinite ratio, so that every finite range excludes it.
    """
    first, second = values[:, 0], values[:, 1]
    line = second <= FLAT * first
    return np.where(line, np.inf, first / np.where(line, 1, second))


def mark_largest(components: Components, count: int) -> np.ndarray:
    """Mark the `count` largest components, shape (n,), bool; among equal ones, the first in the volume."""
    keep = np.zeros(len(components), bool)
    keep[np.argsort(-components.voxels, kind="stable")[:count]] = True
    return keep
