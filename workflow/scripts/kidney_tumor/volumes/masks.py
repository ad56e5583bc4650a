"""Masks as runs of foreground along the first axis, so that a filter's cost grows with the surface, not the volume.

A mask of a 1059-slice scan has 278 million voxels, but only a few hundred thousand runs.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kidney_tumor.errors import VolumeError
from kidney_tumor.volumes.labels import KIDNEY, TUMOR, read_integer_columns, read_label_columns
from kidney_tumor.volumes.nifti import read_geometry

Shape = tuple[int, int, int]
Spacing = tuple[float, float, float]
"""The distance between neighboring slices, rows and columns in mm."""
Masks = tuple["RunLengthMask", "RunLengthMask"]
"""The mask of kidney + tumor, and the mask of the tumor."""
Box = tuple[slice, slice, slice]
"""The slices, rows and columns of a part of a volume."""
MASK_VALUES = 3
"""The largest number of different values in a mask, which are 0 and 255, for example, or the three labels."""


@dataclass(frozen=True)
class RunLengthMask:
    """A mask in run-length encoding: only the start and the stop of each run of foreground voxels are stored.

    Starts and stops are positions. Positions number the voxels of the volume in a frame of background, slices fastest:
    each line of slices has one more voxel at its end, each column one more line at its end, and the volume one more
    column before its first and one after its last. So every neighbor of a voxel has a position, at a constant
    distance, and no run extends beyond its line.

    Attributes:
        shape: The shape of the volume, (slices, rows, columns).
        start: The position of each run's first voxel, increasing, shape (n,), int64.
        stop: The position after each run's last voxel, shape (n,), int64.
    """

    shape: Shape
    start: np.ndarray
    stop: np.ndarray

    @classmethod
    def from_mask(cls, mask: np.ndarray) -> "RunLengthMask":
        """Encode a mask of shape (slices, rows, columns), bool."""
        return cls.from_blocks(mask.shape, [(slice(0, mask.shape[2]), mask)])

    @classmethod
    def from_box(cls, shape: Shape, box: Box, mask: np.ndarray) -> "RunLengthMask":
        """Encode a mask of some shape whose foreground lies inside a box: what is in the box, bool of its shape."""
        part, empty = cls.from_mask(mask), np.zeros(0, np.int64)
        whole = cls(shape, empty, empty)
        places = zip(part.locate_starts(), box, strict=True)
        first, row, column = (place + side.start for place, side in places)
        start = first + row * whole.line + (column + 1) * whole.column
        return cls(shape, start, start + part.length)

    @classmethod
    def from_blocks(cls, shape: Shape, blocks: Iterable[tuple[slice, np.ndarray]]) -> "RunLengthMask":
        """Encode a mask from consecutive blocks of n columns, each with its span and (slices, rows, n) booleans."""
        slices, rows, _ = shape
        starts, stops = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for span, block in blocks:
            if not block.any():
                continue
            width = span.stop - span.start
            framed = np.zeros(width * (rows + 1) * (slices + 1) + 1, bool)  # with a voxel of the frame first
            framed[1:].reshape(width, rows + 1, slices + 1)[:, :rows, :slices] = block.T
            change = np.flatnonzero(framed[1:] != framed[:-1]) + (span.start + 1) * (rows + 1) * (slices + 1)
            starts.append(change[::2])
            stops.append(change[1::2])
        return cls(shape, np.concatenate(starts), np.concatenate(stops))

    @property
    def line(self) -> int:
        """The distance in positions from a voxel to its neighbor in the next row."""
        return self.shape[0] + 1

    @property
    def column(self) -> int:
        """The distance in positions from a voxel to its neighbor in the next column."""
        return self.line * (self.shape[1] + 1)

    @property
    def length(self) -> np.ndarray:
        """The number of voxels of each run, shape (n,)."""
        return self.stop - self.start

    @property
    def voxels(self) -> int:
        """The number of foreground voxels."""
        return int(self.length.sum())

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, keep: np.ndarray) -> "RunLengthMask":
        """Select the runs that `keep`, a boolean array of shape (n,), marks."""
        return RunLengthMask(self.shape, self.start[keep], self.stop[keep])

    def locate_starts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute the slice, row and column, each of shape (n,), of the first voxel of every run."""
        column, inside = np.divmod(self.start, self.column)
        row, first = np.divmod(inside, self.line)
        return first, row, column - 1

    def find_touching(self, distance: int, reach: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the pairs (i, j) in which run i, moved by `distance`, overlaps run j widened by `reach` at both ends."""
        first = np.searchsorted(self.stop, self.start + distance - reach, side="right")
        count = np.searchsorted(self.start, self.stop + distance + reach, side="left") - first
        i = np.repeat(np.arange(len(self)), count)
        return i, np.arange(len(i)) + np.repeat(first - np.cumsum(count) + count, count)

    def count_common(self, other: "RunLengthMask") -> np.ndarray:
        """Count the voxels of each run, shape (n,), that are foreground in another mask of the same shape."""
        before = np.concatenate([[0], np.cumsum(other.length)])

        def count_before(position: np.ndarray) -> np.ndarray:
            """Count the foreground voxels of `other` before each position."""
            run = np.searchsorted(other.start, position, side="right")
            beyond = np.concatenate([[0], other.stop])[run] - position  # the part of the last run after the position
            return before[run] - beyond.clip(min=0)

        return count_before(self.stop) - count_before(self.start)

    def find_overlaps(self, other: "RunLengthMask") -> tuple[np.ndarray, np.ndarray, "RunLengthMask"]:
        """Find the pairs (i, j) in which run i overlaps run j of another mask of the same shape, and what they share.

        The third value is the intersection of the two masks, with a run for each pair.
        """
        first = np.searchsorted(other.stop, self.start, side="right")
        count = np.searchsorted(other.start, self.stop, side="left") - first
        i = np.repeat(np.arange(len(self)), count)
        j = np.arange(len(i)) + np.repeat(first - np.cumsum(count) + count, count)
        starts, stops = np.maximum(self.start[i], other.start[j]), np.minimum(self.stop[i], other.stop[j])
        return i, j, RunLengthMask(self.shape, starts, stops)

    def count_by_slice(self) -> np.ndarray:
        """Count the foreground voxels of each slice, shape (slices,)."""
        first, _, _ = self.locate_starts()
        length = self.shape[0] + 1
        change = np.bincount(first, minlength=length) - np.bincount(first + self.length, minlength=length)
        return np.cumsum(change)[:-1]

    def paint(self, volume: np.ndarray, value: int) -> None:
        """Set the mask's foreground in a volume of the same shape whose slices are fastest in memory.

        Raises:
            ValueError: The volume has another order in memory.
        """
        if not volume.flags.f_contiguous:
            raise ValueError("runs are painted into volumes whose slices are fastest in memory (order F)")
        first, row, column = self.locate_starts()
        flat = volume.reshape(-1, order="F")
        offset = first + self.shape[0] * (row + self.shape[1] * column)
        for start, stop in zip(offset.tolist(), (offset + self.length).tolist(), strict=True):
            flat[start:stop] = value

    def find_box(self) -> Box:
        """Find the smallest box that holds the mask, in slices, rows and columns; an empty mask has an empty box."""
        if not len(self):
            return slice(0, 0), slice(0, 0), slice(0, 0)
        first, row, column = self.locate_starts()
        lows = first.min(), row.min(), column.min()
        highs = (first + self.length).max(), row.max() + 1, column.max() + 1
        slices, rows, columns = (slice(int(low), int(high)) for low, high in zip(lows, highs, strict=True))
        return slices, rows, columns

    def crop(self, box: Box) -> np.ndarray:
        """Decode the part of the mask inside a box, which has to lie in the volume: bool, of the box's shape."""
        shape = tuple(side.stop - side.start for side in box)
        first, row, column = self.locate_starts()
        start, stop = (np.clip(ends, box[0].start, box[0].stop) for ends in (first, first + self.length))
        inside = (start < stop) & (row >= box[1].start) & (row < box[1].stop)
        inside &= (column >= box[2].start) & (column < box[2].stop)
        line = shape[0] * (row - box[1].start + shape[1] * (column - box[2].start)) - box[0].start
        change = np.zeros(math.prod(shape) + 1, np.int8)  # 1 where a run starts, -1 after its end
        change[(line + start)[inside]] += 1
        change[(line + stop)[inside]] -= 1
        return np.cumsum(change[:-1], dtype=np.int8).view(bool).reshape(shape, order="F")

    def to_volume(self) -> np.ndarray:
        """Decode the mask: shape (slices, rows, columns), bool."""
        mask = np.zeros(self.shape, bool, order="F")
        self.paint(mask, True)
        return mask


Mask = RunLengthMask | np.ndarray
"""A mask, encoded or as an array of shape (slices, rows, columns), bool."""


def encode(mask: Mask) -> RunLengthMask:
    """Encode a mask that is an array."""
    return mask if isinstance(mask, RunLengthMask) else RunLengthMask.from_mask(mask)


def read_mask(path: Path) -> RunLengthMask:
    """Read a mask from a file of whole numbers, in which everything above 0 is foreground; of any case.

    Raises:
        UserError: The reasons are those of `nifti.read_integer_columns`, or the file has more values than a mask.
    """
    return RunLengthMask.from_blocks(read_geometry(path).shape, _read_foreground(path))


def _read_foreground(path: Path) -> Iterator[tuple[slice, np.ndarray]]:
    """Stream the foreground of a mask; raise a `UserError` if it has more values than a mask or a label volume has."""
    found: set[int] = set()
    for span, block in read_integer_columns(path, "a mask"):
        found |= {int(block.min()), int(block.max())}
        if max(found) > TUMOR:
            found.update(np.unique(block).tolist())
        elif block.max() == TUMOR and (block == KIDNEY).any():
            found.add(KIDNEY)
        if len(found) > MASK_VALUES:
            raise VolumeError(
                path,
                f"holds more than {MASK_VALUES} values, from {min(found)} to {max(found)}, as an image, a map of "
                "probability or labels of several organs do; expected a mask",
                "apply a threshold, or give a mask of this organ alone",
            )
        yield span, block > 0


def read_label_masks(path: Path) -> Masks:
    """Read the masks of kidney + tumor and of tumor from a label volume, which is decompressed once.

    Raises:
        UserError: The reasons are those of `nifti.read_label_columns`.
    """
    shape = read_geometry(path).shape
    both = [
        [RunLengthMask.from_blocks(shape, [(span, mask)]) for mask in (block > 0, block == TUMOR)]
        for span, block in read_label_columns(path)
    ]
    kidney_tumor, tumor = (
        RunLengthMask(
            shape, np.concatenate([part.start for part in parts]), np.concatenate([part.stop for part in parts])
        )
        for parts in zip(*both, strict=True)
    )
    return kidney_tumor, tumor
