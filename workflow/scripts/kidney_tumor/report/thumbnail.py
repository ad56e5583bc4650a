"""The small picture of a scan on the page of all scans: an axial slice, and below it the body from the front."""

import numpy as np

from kidney_tumor.data.slices import resize
from kidney_tumor.volumes.colors import PARTS
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.masks import Masks, RunLengthMask

OPACITY = 0.5
"""How far a label hides the image."""


def draw_thumbnail(images: np.ndarray, masks: Masks, geometry: Geometry, window: tuple[float, float]) -> np.ndarray:
    """Draw a scan from below and from the front.

    The axial slice is that with the most tumor, else with the most kidney, else the middle one. The coronal slice goes
    through the middle of what is marked; on it lies all that is marked in front of it and behind it.

    Args:
        images: The scan's slices in HU, shape (slices, size, size).
        masks: Those of kidney + tumor and of the tumor, in the scan's own grid.
        geometry: Of the scan.
        window: The HU that are black and white.

    Returns:
        Red, green and blue, shape (2 * size, size, 3), uint8.
    """
    kidney_tumor, tumor = masks
    size, (slices, rows, columns) = images.shape[2], geometry.shape
    marked = next((mask for mask in (tumor, kidney_tumor) if len(mask)), None)
    number = int(marked.count_by_slice().argmax()) if marked else slices // 2
    box = slice(number, number + 1), slice(0, rows), slice(0, columns)
    axial = paint(images[number], [mask.crop(box)[0] for mask in (kidney_tumor, tumor)], size, size, window)
    height, width = fit(slices * geometry.spacing[0], columns * geometry.spacing[2], size)
    front = images[:, find_middle_row(kidney_tumor) * size // rows]
    coronal = paint(front, [project(mask) for mask in (kidney_tumor, tumor)], height, width, window)
    top, left = (size - height) // 2, (size - width) // 2
    picture = np.zeros((2 * size, size, 3), np.uint8)
    picture[:size] = axial
    picture[size + top : size + top + height, left : left + width] = coronal
    return picture


def paint(
    image: np.ndarray, marks: list[np.ndarray], height: int, width: int, window: tuple[float, float]
) -> np.ndarray:
    """Paint an image in HU and what is marked on it, kidney + tumor and tumor, each resized to (height, width)."""
    low, high = window
    gray = np.clip((resize(image[None], height, width)[0].astype(float) - low) / (high - low), 0, 1) * 255
    picture = np.repeat(gray[..., None], 3, axis=2)
    for mark, name in zip(marks, ("kidney", "tumor"), strict=True):
        inside = resize(mark[None], height, width)[0]
        picture[inside] = (1 - OPACITY) * gray[inside, None] + OPACITY * np.array(PARTS[name])
    return np.rint(picture).astype(np.uint8)


def fit(height_mm: float, width_mm: float, size: int) -> tuple[int, int]:
    """Compute the height and the width, in pixels, of the largest picture of a part in a square of `size` pixels."""
    scale = size / max(height_mm, width_mm)
    return max(1, round(scale * height_mm)), max(1, round(scale * width_mm))


def find_middle_row(mask: RunLengthMask) -> int:
    """Find the row with half of a mask's voxels before it; of an empty mask the middle of the volume."""
    if not len(mask):
        return mask.shape[1] // 2
    _, row, _ = mask.locate_starts()
    before = np.cumsum(np.bincount(row, mask.length))
    return int(np.searchsorted(before, before[-1] / 2))


def project(mask: RunLengthMask) -> np.ndarray:
    """Project a mask along the rows: shape (slices, columns), bool, true where any row is marked."""
    slices, _, columns = mask.shape
    first, _, column = mask.locate_starts()
    change = np.zeros((slices + 1, columns), int)  # 1 where a run starts, -1 after its end
    np.add.at(change, (first, column), 1)
    np.add.at(change, (first + mask.length, column), -1)
    return change.cumsum(axis=0)[:-1] > 0
