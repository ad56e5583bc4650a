"""The small picture of a scan on the page of all scans."""

import numpy as np

from kidney_tumor.data.slices import resize
from kidney_tumor.volumes.colors import PARTS
from kidney_tumor.volumes.masks import Masks

OPACITY = 0.5
"""How far a label hides the image."""


def draw_thumbnail(images: np.ndarray, masks: Masks, window: tuple[float, float]) -> np.ndarray:
    """Draw the axial slice of a scan with the most tumor, else with the most kidney, else the middle one.

    Args:
        images: The scan's slices in HU, shape (slices, size, size).
        masks: Those of kidney + tumor and of the tumor, in the scan's own grid.
        window: The HU that are black and white.

    Returns:
        Red, green and blue, shape (size, size, 3), uint8.
    """
    kidney_tumor, tumor = masks
    marked = next((mask for mask in (tumor, kidney_tumor) if len(mask)), None)
    number = int(marked.count_by_slice().argmax()) if marked else len(images) // 2
    low, high = window
    gray = np.clip((images[number].astype(float) - low) / (high - low), 0, 1) * 255
    picture = np.repeat(gray[..., None], 3, axis=2)
    _, rows, columns = kidney_tumor.shape
    box = slice(number, number + 1), slice(0, rows), slice(0, columns)
    for mask, name in ((kidney_tumor, "kidney"), (tumor, "tumor")):
        inside = resize(mask.crop(box), *gray.shape)[0]
        picture[inside] = (1 - OPACITY) * gray[inside, None] + OPACITY * np.array(PARTS[name])
    return np.rint(picture).astype(np.uint8)
