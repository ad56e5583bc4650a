"""The way back from a network's pixels to the voxels of the volume, on which the paper is silent."""

from collections.abc import Callable, Iterator

import numpy as np

from kidney_tumor.data.slices import sample_nearest, transpose

NEAREST, LINEAR = "nearest", "linear"
"""How a voxel between the sampled ones gets its value: from one pixel, or interpolated between its neighbors."""


def restore(values: np.ndarray, size: int, shape: tuple[int, int, int], method: str, threshold: float) -> np.ndarray:
    """Bring a network's output to the grid of the input volume, and make it a mask.

    Args:
        values: Probabilities, or a mask of 0 and 1, shape (slices, size, size), or (slices, H, size) for the last H
            rows of each slice; the rows above are empty then.
        size: The rows and columns of the extracted slices, in pixels.
        shape: The shape of the input volume, (slices, rows, columns).
        method: `nearest` or `linear`.
        threshold: The value above which a voxel is foreground.

    Returns:
        The mask in the input's shape, uint8, 0 or 1.
    """
    if method == NEAREST:  # the same mask, from a byte for each pixel
        values = values > threshold
    return _collect(values, size, shape, method, threshold, lambda plane: plane > threshold)


def restore_probabilities(values: np.ndarray, size: int, shape: tuple[int, int, int], method: str) -> np.ndarray:
    """Bring a network's probabilities, as `restore` takes them, to the input's grid: uint8, of which 255 is certain."""
    return _collect(values, size, shape, method, 0.5 / 255, lambda plane: np.rint(255 * plane))


def _collect(
    values: np.ndarray,
    size: int,
    shape: tuple[int, int, int],
    method: str,
    floor: float,
    convert: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Make a volume, uint8, from its planes in the order of the file; 0 where no value is above `floor`."""
    volume = np.zeros(shape[::-1], np.uint8)
    for column, first, plane in _iterate_planes(values, size, shape, method, floor):
        volume[column, first : first + len(plane)] = convert(plane)
    return volume.transpose(2, 1, 0)


def _iterate_planes(
    values: np.ndarray, size: int, shape: tuple[int, int, int], method: str, floor: float
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield each column with a value above `floor`, the first row with one, and the values from there on.

    The values of a column have the shape (rows, slices); they end with the last row that can have such a value.
    """
    weigh = locate_nearest if method == NEAREST else locate_between
    rows, columns = (weigh(length, size) for length in shape[1:])
    turned = transpose(values)  # (size, H, slices)
    missing = size - turned.shape[1]
    peaks = turned.max((1, 2), initial=0)
    peaks = np.maximum(*(peaks[part] for part in columns[:2]))  # no column's value lies above it, but for rounding
    for column in np.flatnonzero(peaks > 0.999 * floor).tolist():
        seen = _mix(turned, *(part[column] for part in columns))
        found = np.flatnonzero((seen > floor).any(1)) + missing
        if not len(found):
            continue
        # The rows of the volume that lie between, or at, such pixels.
        first, end = np.searchsorted(rows[1], found[0]), np.searchsorted(rows[0], found[-1], side="right")
        framed = np.concatenate([np.zeros((missing, seen.shape[1]), seen.dtype), seen]) if missing else seen
        yield column, first, _mix(framed, *(part[first:end] for part in rows))


def _mix(values: np.ndarray, lower: np.ndarray, upper: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mix the values at `lower` and at `upper` along the first axis, the latter by its weight."""
    if not np.any(weight):
        return values[lower]
    weight = weight.reshape(weight.shape + (1,) * (values.ndim - 1)) if weight.ndim else weight
    below = values[lower].astype(np.float32, copy=False)
    return below + weight * (values[upper] - below)


def locate_nearest(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find, for each of `length` voxels, the pixel among `size` in whose extent the voxel's center lies.

    Returns:
        The pixel, the same pixel once more, and its weight of 0, each of shape (length,), as `locate_between` has them.
    """
    pixel = sample_nearest(size, length)
    return pixel, pixel, np.zeros(length, np.float32)


def locate_between(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find, for each of `length` voxels, the pixels whose voxels were sampled below and above it.

    A slice is resized by taking the voxels that `sample_nearest` names, so a pixel tells of one voxel. Voxels beyond
    the first and the last sampled one are as these.

    Returns:
        The pixel below, the pixel above, and the weight of the latter from 0 to 1, each of shape (length,).
    """
    sampled, voxel = sample_nearest(length, size), np.arange(length)
    lower = (np.searchsorted(sampled, voxel, side="right") - 1).clip(0)
    upper = (lower + 1).clip(max=size - 1)
    distance = sampled[upper] - sampled[lower]
    weight = np.divide(voxel - sampled[lower], distance, out=np.zeros(length), where=distance > 0).clip(0)
    return lower, upper, weight.astype(np.float32)
