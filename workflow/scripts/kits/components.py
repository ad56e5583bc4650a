"""Connected components and their shape (paper, section 2.2)."""

from dataclasses import dataclass
from pathlib import Path

import cc3d
import numpy as np
import pandas as pd

from kits.nifti import TUMOR, read_label

FLAT = 1e-9
"""An eigenvalue below this share of the largest is rounding, not extent."""


@dataclass(frozen=True)
class Components:
    """The 26-connected components of a mask, numbered from 1 in the order of the volume.

    Attributes:
        shape: of the mask.
        box: the part of the volume that holds the foreground.
        labels: numbers of the components inside the box, 0 elsewhere; its type is as small as their number allows.
        voxels: (n,), size of each component.
    """

    shape: tuple[int, ...]
    box: tuple[slice, ...]
    labels: np.ndarray
    voxels: np.ndarray

    def __len__(self) -> int:
        return len(self.voxels)

    def select(self, keep: np.ndarray) -> np.ndarray:
        """The mask, bool, in the volume's shape, of the components that `keep`, (n,) bool, marks."""
        kept = np.concatenate([[False], keep])
        mask = np.zeros(self.shape, bool)
        for slice_mask, slice_labels in zip(mask[self.box], self.labels, strict=True):  # NumPy indexes by int64 copies
            slice_mask[...] = kept[slice_labels]
        return mask

    def inside(self, mask: np.ndarray) -> np.ndarray:
        """How many voxels of each component, (n,), lie in a mask of the volume's shape."""
        return np.bincount(self.labels[mask[self.box]], minlength=len(self) + 1)[1:]


def bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    """The smallest box that holds the foreground; empty slices where there is none."""
    box = []
    for axis in range(mask.ndim):
        occupied = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        box.append(slice(occupied[0], occupied[-1] + 1) if len(occupied) else slice(0, 0))
    return tuple(box)


def connected_components(mask: np.ndarray) -> Components:
    """Label the 26-connected components of a mask, shape (slices, rows, columns)."""
    box = bounding_box(mask)
    inside = np.ascontiguousarray(mask[box])
    if not inside.size:
        return Components(mask.shape, box, inside.astype(np.uint16), np.zeros(0, np.int64))
    labels = cc3d.connected_components(inside, connectivity=26)
    voxels = cc3d.statistics(labels, no_slice_conversion=True)["voxel_counts"][1:].astype(np.int64)
    return Components(mask.shape, box, labels, voxels)


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """Fill the background that no 6-connected path joins to the volume's border.

    The same as `scipy.ndimage.binary_fill_holes` in 3-D, by labelling the background inside the mask's bounding box.
    """
    box = bounding_box(mask)
    inside = mask[box]
    if not inside.size:
        return mask.copy()
    background = cc3d.connected_components(np.ascontiguousarray(~inside), connectivity=6)
    hole = np.ones(background.max() + 1, bool)
    hole[0] = False
    for axis in range(mask.ndim):
        hole[np.take(background, (0, -1), axis)] = False
    filled = mask.copy()
    filled[box] |= hole[background]
    return filled


def eigenvalues(components: Components) -> np.ndarray:
    """Principal variances of each component: (n, 3), voxels squared, largest first.

    Eigenvalues of the covariance of the voxel indices, divided by N - 1 as `numpy.cov` does; zero for one voxel.
    """
    index = np.nonzero(components.labels)
    owner = components.labels[index].astype(np.int64) - 1
    count = len(components)
    centred = [
        axis - (np.bincount(owner, axis, count) / components.voxels)[owner]  # two passes: no cancellation
        for axis in index
    ]
    covariance = np.empty((count, 3, 3))
    for i in range(3):
        for j in range(i + 1):
            moment = np.bincount(owner, centred[i] * centred[j], count)
            covariance[:, i, j] = covariance[:, j, i] = moment / np.maximum(components.voxels - 1, 1)
    return np.linalg.eigvalsh(covariance)[:, ::-1].clip(min=0)


def eigenvalue_ratio(values: np.ndarray) -> np.ndarray:
    """Largest over second-largest eigenvalue: (n, 3) to (n,); 1 is round, infinite a line one voxel thick.

    A component without extent along its second axis lies outside every finite range, and so is filtered out.
    """
    first, second = values[:, 0], values[:, 1]
    line = second <= FLAT * first
    return np.where(line, np.inf, first / np.where(line, 1, second))


def largest(components: Components, count: int) -> np.ndarray:
    """Mark the `count` largest components, (n,) bool; of equal ones, those that come first in the volume."""
    keep = np.zeros(len(components), bool)
    keep[np.argsort(-components.voxels, kind="stable")[:count]] = True
    return keep


def measure_label(path: Path, min_voxels: int) -> pd.DataFrame:
    """The shape of every tumor in a label volume.

    Args:
        path: `segmentation.nii.gz`.
        min_voxels: components of fewer voxels are left out.

    Returns:
        Index `component`, columns voxels, eigenvalue_1 to eigenvalue_3 (voxels squared) and ratio.

    Raises:
        UserError: the file is no label volume.
    """
    components = connected_components(read_label(path) == TUMOR)
    values = eigenvalues(components)
    table = pd.DataFrame(values, columns=[f"eigenvalue_{i}" for i in (1, 2, 3)])
    table.index = pd.RangeIndex(1, len(components) + 1, name="component")
    table.insert(0, "voxels", components.voxels)
    table["ratio"] = eigenvalue_ratio(values)
    return table[table["voxels"] >= min_voxels]
