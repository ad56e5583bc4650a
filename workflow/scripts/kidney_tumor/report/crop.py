"""The part of a volume that a page shows: a box, coarsened by whole steps where it is too large.

A volume is streamed, so that only the part is in memory, however long the volume is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.labels import KIDNEY, TUMOR
from kidney_tumor.volumes.masks import Box, RunLengthMask, Shape, Spacing
from kidney_tumor.volumes.nifti import read_columns

CHUNK = 2**24
"""The voxels of a label volume that are decoded at once."""


@dataclass(frozen=True)
class Crop:
    """A box of a volume and its coarsening.

    Attributes:
        box: The slices, rows and columns.
        steps: How many slices, rows and columns of the volume become one; at the box's end they may be fewer.
    """

    box: Box
    steps: Shape

    @property
    def shape(self) -> Shape:
        """The shape of the coarsened part."""
        slices, rows, columns = (len(starts) for starts in self.list_starts())
        return slices, rows, columns

    def list_starts(self) -> list[np.ndarray]:
        """List where the blocks that become one voxel start, counted from the box's start, along each axis."""
        return [np.arange(0, side.stop - side.start, step) for side, step in zip(self.box, self.steps, strict=True)]

    def move(self, affine: list[list[float]]) -> np.ndarray:
        """Make the part's affine, 4 x 4, from that of the volume: a voxel lies in the middle of those it stands for."""
        change = np.eye(4)
        change[:3, :3] = np.diag(self.steps)
        change[:3, 3] = [side.start + (step - 1) / 2 for side, step in zip(self.box, self.steps, strict=True)]
        return np.array(affine) @ change


def choose_box(
    preferred: Sequence[RunLengthMask], others: Sequence[RunLengthMask], geometry: Geometry, margin: float
) -> Box:
    """Choose the box around masks, with a margin in mm, inside the volume.

    Args:
        preferred: The masks that the box encloses, unless all of them are empty.
        others: The masks that it encloses then; if these are empty too, it is the whole volume.
        geometry: Of the volume in which the masks lie.
        margin: The distance from the masks to the box, mm.
    """
    for masks in (preferred, others):
        boxes = [mask.find_box() for mask in masks if len(mask)]
        if boxes:
            break
    else:
        return slice(0, geometry.shape[0]), slice(0, geometry.shape[1]), slice(0, geometry.shape[2])
    sides = []
    for sides_along, length, spacing in zip(zip(*boxes, strict=True), geometry.shape, geometry.spacing, strict=True):
        reach = math.ceil(margin / spacing)
        low, high = min(side.start for side in sides_along), max(side.stop for side in sides_along)
        sides.append(slice(max(0, low - reach), min(length, high + reach)))
    slices, rows, columns = sides
    return slices, rows, columns


def choose_steps(box: Box, spacing: Spacing, most: int) -> Shape:
    """Choose the steps by which a box is coarsened to at most so many voxels: along the finest axis first."""
    lengths, steps = [side.stop - side.start for side in box], [1, 1, 1]

    def count(axis: int) -> int:
        return -(-lengths[axis] // steps[axis])

    while math.prod(map(count, range(3))) > max(most, 1):
        finest = min((axis for axis in range(3) if count(axis) > 1), key=lambda axis: spacing[axis] * steps[axis])
        steps[finest] += 1
    slices, rows, columns = steps
    return slices, rows, columns


def read_grays(path: Path, crop: Crop, window: tuple[float, float]) -> np.ndarray:
    """Read a part of an image: its shape, uint8, 0 at the lower end of a window in HU and below, 255 at the upper.

    What is coarsened is averaged, after the window.

    Raises:
        UserError: The reasons are those of `nifti.read_columns`.
    """
    low, high = window
    slices, rows, columns = crop.box
    starts = crop.list_starts()
    sums = np.zeros(crop.shape, np.uint16 if math.prod(crop.steps) < 2**8 else np.uint32, order="F")
    for span, block in read_columns(path):
        first, last = max(span.start, columns.start), min(span.stop, columns.stop)
        if first >= last:
            continue
        grays = block[slices, rows, first - span.start : last - span.start].astype(np.float32)
        grays -= low
        grays *= 255 / (high - low)
        np.clip(np.rint(grays, out=grays), 0, 255, out=grays)
        for axis in (0, 1):
            if crop.steps[axis] > 1:
                grays = np.add.reduceat(grays, starts[axis], axis)
        for column in range(first, last):
            sums[..., (column - columns.start) // crop.steps[2]] += grays[..., column - first].astype(sums.dtype)
    if math.prod(crop.steps) == 1:
        return sums.astype(np.uint8)
    counts = [np.diff(np.append(ends, side.stop - side.start)) for ends, side in zip(starts, crop.box, strict=True)]
    for column, count in enumerate(counts[2]):
        averaged = np.multiply.outer(counts[0], counts[1]) * count
        sums[..., column] = (sums[..., column] + averaged // 2) // averaged
    return sums.astype(np.uint8)


def read_labels(kidney_tumor: RunLengthMask, tumor: RunLengthMask, crop: Crop) -> np.ndarray:
    """Decode a part of a label volume from its masks: uint8, 0 background, 1 kidney, 2 tumor.

    Of voxels that become one the highest label counts, so that nothing is too small to be seen.
    """
    starts = crop.list_starts()
    labels = np.zeros(crop.shape, np.uint8, order="F")
    slices, rows, columns = crop.box
    if not len(kidney_tumor) and not len(tumor):
        return labels
    width = max(1, CHUNK // ((slices.stop - slices.start) * (rows.stop - rows.start) * crop.steps[2]))
    bounds = [*range(0, crop.shape[2], width), crop.shape[2]]
    for first, last in pairwise(bounds):
        span = slice(columns.start + first * crop.steps[2], min(columns.start + last * crop.steps[2], columns.stop))
        part = kidney_tumor.crop((slices, rows, span)).view(np.uint8) * np.uint8(KIDNEY)
        part[tumor.crop((slices, rows, span))] = TUMOR
        ends = (*starts[:2], np.arange(0, span.stop - span.start, crop.steps[2]))
        for axis, step in enumerate(crop.steps):
            if step > 1:
                part = np.maximum.reduceat(part, ends[axis], axis)
        labels[..., first:last] = part
    return labels
