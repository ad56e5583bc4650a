"""The attenuation of what was segmented, in HU, on the pixels of a scan's slices."""

import numpy as np

from kidney_tumor.data.slices import sample_nearest
from kidney_tumor.scans.sides import mark_left
from kidney_tumor.volumes.masks import Mask, RunLengthMask, Spacing, encode


def collect_values(mask: RunLengthMask, images: np.ndarray, without: RunLengthMask | None = None) -> np.ndarray:
    """Collect the values of the pixels that lie in a mask, and not in another one.

    Args:
        mask: The mask, in the scan's own grid.
        images: The scan's extracted slices in HU, shape (slices, size, size).
        without: The other mask, in the same grid.

    Returns:
        The values in HU, shape (n,).
    """
    box = mask.find_box()
    picked, places = [], []
    for side, length in zip(box[1:], mask.shape[1:], strict=True):
        sampled = sample_nearest(length, images.shape[1])
        picked.append(np.flatnonzero((sampled >= side.start) & (sampled < side.stop)))
        places.append(sampled[picked[-1]] - side.start)
    inside = mask.crop(box) if without is None else mask.crop(box) & ~without.crop(box)
    return images[box[0], picked[0][:, None], picked[1]][inside[:, places[0][:, None], places[1]]]


def measure_attenuation(kidney: Mask, tumor: Mask, spacing: Spacing, images: np.ndarray) -> dict[str, float]:
    """Measure the median attenuation of the kidneys, without tumors, on each side, and of the tumors; NaN without any.

    Args:
        kidney: The mask of kidney + tumor.
        tumor: The mask of the tumor, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.
        images: The scan's extracted slices in HU, shape (slices, size, size).

    Returns:
        The values of `data.measures.ATTENUATIONS`, in HU.
    """
    kidney, tumor = encode(kidney), encode(tumor)
    is_left = mark_left(kidney, spacing, images)
    parts = {
        "kidney_left_hu": collect_values(kidney[is_left], images, without=tumor),
        "kidney_right_hu": collect_values(kidney[~is_left], images, without=tumor),
        "tumor_hu": collect_values(tumor, images),
    }
    return {name: float(np.median(values)) if len(values) else float("nan") for name, values in parts.items()}
