"""Masks as runs of foreground along the first axis: what a filter costs then follows the surface, not the volume.

A mask of a 1059-slice scan has 278 million voxels, but a few hundred thousand runs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kits.data.nifti import TUMOR, explain_problem, read_columns, read_geometry, read_label_columns

Shape = tuple[int, int, int]
MASK_VALUES = 3
"""At most so many values does a mask hold: 0 and 255, for example, or the three labels."""


@dataclass(frozen=True)
class RunLengthMask:
    """The foreground of a volume, as half-open intervals of positions.

    Positions count the voxels of the volume in a frame of background, slices fastest: one voxel more at the end of
    each line of slices, one line more at the end of each column, one column before the first and one after the last.
    So every neighbour of a voxel has a position, at a constant distance, and no run goes over the end of its line.

    Attributes:
        shape: of the volume, (slices, rows, columns).
        start: (n,) int64, position of each run's first voxel, increasing.
        stop: (n,) int64, the position after its last.
    """

    shape: Shape
    start: np.ndarray
    stop: np.ndarray

    @classmethod
    def from_mask(cls, mask: np.ndarray) -> "RunLengthMask":
        """The runs of a mask, (slices, rows, columns), bool."""
        return cls.from_blocks(mask.shape, [(slice(0, mask.shape[2]), mask)])

    @classmethod
    def from_blocks(cls, shape: Shape, blocks: Iterable[tuple[slice, np.ndarray]]) -> "RunLengthMask":
        """The runs of a mask that comes in blocks of whole columns, in order: (columns, (slices, rows, n) bool)."""
        slices, rows, _ = shape
        starts, stops = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for span, block in blocks:
            if not block.any():
                continue
            width = span.stop - span.start
            framed = np.zeros(width * (rows + 1) * (slices + 1) + 1, bool)  # the first is the frame before the block
            framed[1:].reshape(width, rows + 1, slices + 1)[:, :rows, :slices] = block.T
            change = np.flatnonzero(framed[1:] != framed[:-1]) + (span.start + 1) * (rows + 1) * (slices + 1)
            starts.append(change[::2])
            stops.append(change[1::2])
        return cls(shape, np.concatenate(starts), np.concatenate(stops))

    @property
    def line(self) -> int:
        """The distance in positions from a voxel to its neighbour in the next row."""
        return self.shape[0] + 1

    @property
    def column(self) -> int:
        """The distance in positions from a voxel to its neighbour in the next column."""
        return self.line * (self.shape[1] + 1)

    @property
    def length(self) -> np.ndarray:
        """(n,) voxels of each run."""
        return self.stop - self.start

    @property
    def voxels(self) -> int:
        """Voxels of all runs."""
        return int(self.length.sum())

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, keep: np.ndarray) -> "RunLengthMask":
        """Some of the runs: `keep` is (n,) bool."""
        return RunLengthMask(self.shape, self.start[keep], self.stop[keep])

    def locate_starts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Slice, row and column, each (n,), of the first voxel of every run."""
        column, inside = np.divmod(self.start, self.column)
        row, first = np.divmod(inside, self.line)
        return first, row, column - 1

    def find_touching(self, distance: int, reach: int) -> tuple[np.ndarray, np.ndarray]:
        """The pairs (i, j) in which run i, moved by `distance` positions, overlaps run j, or all but for `reach`."""
        first = np.searchsorted(self.stop, self.start + distance - reach, side="right")
        count = np.searchsorted(self.start, self.stop + distance + reach, side="left") - first
        i = np.repeat(np.arange(len(self)), count)
        return i, np.arange(len(i)) + np.repeat(first - np.cumsum(count) + count, count)

    def count_common(self, other: "RunLengthMask") -> np.ndarray:
        """How many voxels of each run, (n,), are foreground in another mask of the same shape."""
        before = np.concatenate([[0], np.cumsum(other.length)])

        def foreground(position: np.ndarray) -> np.ndarray:
            """Voxels of `other` before a position."""
            run = np.searchsorted(other.start, position, side="right")
            beyond = np.concatenate([[0], other.stop])[run] - position  # of the run that began last
            return before[run] - beyond.clip(min=0)

        return foreground(self.stop) - foreground(self.start)

    def paint(self, volume: np.ndarray, value: int) -> None:
        """Set the foreground of a volume of the mask's shape, slices fastest in memory.

        Raises:
            ValueError: the volume lies otherwise in memory.
        """
        if not volume.flags.f_contiguous:
            raise ValueError("runs are painted into volumes whose slices are fastest in memory (order F)")
        first, row, column = self.locate_starts()
        flat = volume.reshape(-1, order="F")
        offset = first + self.shape[0] * (row + self.shape[1] * column)
        for start, stop in zip(offset.tolist(), (offset + self.length).tolist(), strict=True):
            flat[start:stop] = value

    def to_volume(self) -> np.ndarray:
        """(slices, rows, columns), bool."""
        mask = np.zeros(self.shape, bool, order="F")
        self.paint(mask, True)
        return mask


def read_mask(path: Path) -> RunLengthMask:
    """Read a mask from a file, in which everything above 0 is foreground.

    Raises:
        UserError: As `nifti.read_columns` raises it, or the file holds more values than a mask does.
    """
    return RunLengthMask.from_blocks(
        read_geometry(path).shape, ((span, block > 0) for span, block in _check_values(path, read_columns(path)))
    )


def _check_values(path: Path, blocks: Iterable[tuple[slice, np.ndarray]]) -> Iterator[tuple[slice, np.ndarray]]:
    """Pass the blocks of a mask on; raise a `UserError` where one holds a value that no mask and no label has."""
    found: set[float] = set()
    for span, block in blocks:
        if block.min() < 0 or block.max() > TUMOR:
            found.update(np.unique(block).tolist())
            if min(found) < 0 or len(found) > MASK_VALUES:
                raise explain_problem(path, f"holds {min(found):g} to {max(found):g}; expected a mask, not an image")
        yield span, block


def read_label_masks(path: Path) -> tuple[RunLengthMask, RunLengthMask]:
    """The runs of kidney + tumor, and those of tumor, in a label volume, which is decompressed once.

    Raises:
        UserError: as `nifti.read_label_columns`.
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
