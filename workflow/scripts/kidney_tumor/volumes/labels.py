"""Label volumes and other volumes of whole numbers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kidney_tumor.errors import VolumeError
from kidney_tumor.volumes.nifti import read_columns, read_geometry, read_volume

BACKGROUND, KIDNEY, TUMOR = LABELS = (0, 1, 2)
"""The labels of KiTS19."""
ROUNDING = 1e-3
"""The distance from a whole number within which a value stored as float is this number: its rounding."""
COARSEST = 0.1
"""The largest such distance for values that the header scales, which may lie a step of its scaling away."""


def read_integer_columns(path: Path, expected: str) -> Iterator[tuple[slice, np.ndarray]]:
    """Stream a volume of labels or a mask like `read_columns`, with its voxels as integers.

    Labels that a tool stored as float, or as integers that the header scales, are rounded if each lies within the
    rounding of its storage of a whole number.

    Args:
        path: The volume.
        expected: What the volume should hold, for the message.

    Raises:
        UserError: The reasons are those of `read_columns`, or a value is negative or no whole number.
    """
    volume = read_volume(path)
    step = max(ROUNDING, min(abs(volume.slope or 0), COARSEST))
    for span, block in read_columns(path):
        if block.dtype.kind == "f":
            whole = np.rint(block)
            away = np.abs(block - whole)
            if away.max() > step:
                raise VolumeError(
                    path,
                    f"holds {block.flat[away.argmax()]:.4g}, as maps of probability and interpolated masks do; "
                    f"expected {expected}, in whole numbers",
                    "apply a threshold, or resample it with the nearest neighbor",
                )
            block = whole
        if block.min() < 0:
            raise VolumeError(path, f"holds {block.min():g}; expected {expected}")
        yield span, block if block.dtype.kind in "iu" else block.astype(np.int64)


def read_label_columns(path: Path) -> Iterator[tuple[slice, np.ndarray]]:
    """Stream a label volume like `read_integer_columns`, with its voxels as uint8.

    Raises:
        UserError: The reasons are those of `read_integer_columns`, or a voxel is not 0 (background), 1 (kidney) or 2
            (tumor).
    """
    for span, block in read_integer_columns(path, "0, 1 and 2 only"):
        if block.max() > max(LABELS):
            values = ", ".join(map(str, np.unique(block[block > max(LABELS)])[:5]))
            raise VolumeError(path, f"holds labels {values}; expected 0, 1 and 2 only")
        yield span, block.astype(np.uint8, copy=False)


def read_label(path: Path) -> np.ndarray:
    """Read a label volume: shape (slices, rows, columns), uint8.

    Raises:
        UserError: The reasons are those of `read_label_columns`.
    """
    label = np.empty(read_geometry(path).shape, np.uint8, order="F")
    for span, block in read_label_columns(path):
        label[..., span] = block
    return label
