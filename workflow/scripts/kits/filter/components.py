"""Connected components and their shape (paper, section 2.2)."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as graph_components

from kits.filter.masks import RunLengthMask

FLAT = 1e-9
"""An eigenvalue below this share of the largest is rounding, not extent."""


@dataclass(frozen=True)
class Components:
    """The 26-connected components of a mask, in the order of their first voxels, slices fastest.

    Attributes:
        runs: of the mask.
        owner: (runs,), the component of each run.
        voxels: (n,), size of each component.
    """

    runs: RunLengthMask
    owner: np.ndarray
    voxels: np.ndarray

    def __len__(self) -> int:
        return len(self.voxels)

    def select(self, keep: np.ndarray) -> RunLengthMask:
        """The components that `keep`, (n,) bool, marks."""
        return self.runs[keep[self.owner]]

    def count_inside(self, mask: RunLengthMask) -> np.ndarray:
        """How many voxels of each component, (n,), lie in a mask of the same shape."""
        return self.sum_by_component(self.runs.count_common(mask)).astype(np.int64)

    def sum_by_component(self, values: np.ndarray) -> np.ndarray:
        """Sum a value of each run over each component: (runs,) to (n,)."""
        return np.bincount(self.owner, values, len(self))


def number_sets(runs: RunLengthMask, distances: list[int], reach: int) -> np.ndarray:
    """Number the sets of runs that hang together, from 0 in the order of their first runs: (runs,).

    Args:
        runs: to be joined.
        distances: in positions, to the lines of voxels in which neighbours are looked for.
        reach: 1 where voxels that share an edge or a corner are neighbours, 0 where only those that share a face.
    """
    pairs = [runs.find_touching(distance, reach) for distance in distances]
    i, j = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(i), bool), (i, j)), shape=(len(runs), len(runs)))
    return graph_components(graph, directed=False)[1]


def find_components(runs: RunLengthMask) -> Components:
    """Join runs into 26-connected components."""
    line, column = runs.line, runs.column
    owner = number_sets(runs, [line, column - line, column, column + line], reach=1)
    return Components(runs, owner, np.bincount(owner, runs.length).astype(np.int64))


def fill_holes(runs: RunLengthMask) -> RunLengthMask:
    """Fill the background that no 6-connected path joins to the volume's border.

    The same as `scipy.ndimage.binary_fill_holes` in 3-D: of the gaps between runs, those are holes that hang together
    with none that reaches the frame.
    """
    end = runs.column * (runs.shape[2] + 2)
    gaps = RunLengthMask(runs.shape, np.append(0, runs.stop), np.append(runs.start, end))
    owner = number_sets(gaps, [runs.line, runs.column], reach=0)
    framed = gaps.start // runs.line != gaps.stop // runs.line
    hole = ~np.isin(owner, owner[framed])
    return RunLengthMask(runs.shape, runs.start[~hole[:-1]], runs.stop[~hole[1:]])


def compute_eigenvalues(components: Components) -> np.ndarray:
    """Principal variances of each component: (n, 3), voxels squared, largest first.

    Eigenvalues of the covariance of the voxel indices, divided by N - 1 as `numpy.cov` does; zero for one voxel.
    """
    length = components.runs.length
    first, row, column = components.runs.locate_starts()
    centred = [
        axis
        - (components.sum_by_component(axis * length) / components.voxels)[
            components.owner
        ]  # two passes: no cancellation
        for axis in (first + (length - 1) / 2, row, column)
    ]
    covariance = np.empty((len(components), 3, 3))
    for i in range(3):
        for j in range(i + 1):
            moment = components.sum_by_component(centred[i] * centred[j] * length)
            if i == j == 0:
                moment += components.sum_by_component(
                    length * (length**2 - 1) / 12
                )  # of the voxels about their run's middle
            covariance[:, i, j] = covariance[:, j, i] = moment / np.maximum(components.voxels - 1, 1)
    return np.linalg.eigvalsh(covariance)[:, ::-1].clip(min=0)


def compute_ratio(values: np.ndarray) -> np.ndarray:
    """Largest over second-largest eigenvalue: (n, 3) to (n,); 1 is round, infinite a line one voxel thick.

    A component without extent along its second axis lies outside every finite range, and so is filtered out.
    """
    first, second = values[:, 0], values[:, 1]
    line = second <= FLAT * first
    return np.where(line, np.inf, first / np.where(line, 1, second))


def mark_largest(components: Components, count: int) -> np.ndarray:
    """Mark the `count` largest components, (n,) bool; of equal ones, those that come first in the volume."""
    keep = np.zeros(len(components), bool)
    keep[np.argsort(-components.voxels, kind="stable")[:count]] = True
    return keep
