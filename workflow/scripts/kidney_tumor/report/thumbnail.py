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
    axial = [mask.crop(box)[0] for mask in (kidney_tumor, tumor)]
    height_mm, depth_mm, width_mm = np.multiply(geometry.shape, geometry.spacing).tolist()
    front = images[:, find_middle_row(kidney_tumor) * size // rows]
    return np.concatenate(
        [
            paint(images[number], axial, (depth_mm, width_mm), size, window),
            paint(front, [project(mask) for mask in (kidney_tumor, tumor)], (height_mm, width_mm), size, window),
        ]
    )


def paint(
    image: np.ndarray, marks: list[np.ndarray], sides_mm: tuple[float, float], size: int, window: tuple[float, float]
) -> np.ndarray:
    """Paint an image in HU, and what is marked on it, into the middle of a black square.

    Args:
        image: The image, shape (H, W).
        marks: The marks of kidney + tumor and of the tumor, of any shape. None is too small to be seen.
        sides_mm: The height and the width of what both show.
        size: The side of the square, in pixels.
        window: The HU that are black and white.

    Returns:
        Red, green and blue, shape (size, size, 3), uint8.
    """
    low, high = window
    height, width = (max(1, round(size * side / max(sides_mm))) for side in sides_mm)
    gray = np.clip((resize(image[None], height, width)[0].astype(float) - low) / (high - low), 0, 1) * 255
    picture = np.repeat(gray[..., None], 3, axis=2)
    for mark, name in zip(marks, ("kidney", "tumor"), strict=True):
        inside = resize(mark[None], height, width)[0]
        rows, columns = np.nonzero(mark)
        inside[(2 * rows + 1) * height // (2 * mark.shape[0]), (2 * columns + 1) * width // (2 * mark.shape[1])] = True
        picture[inside] = (1 - OPACITY) * gray[inside, None] + OPACITY * np.array(PARTS[name])
    top, left = (size - height) // 2, (size - width) // 2
    rest = (top, size - height - top), (left, size - width - left), (0, 0)
    return np.pad(np.rint(picture).astype(np.uint8), rest)


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
