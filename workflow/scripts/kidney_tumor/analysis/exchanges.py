"""Predictions that would fit their labels much better with sides exchanged, or that have the kidney as tumor."""

from collections.abc import Collection
from itertools import combinations

import numpy as np

from kidney_tumor.analysis.scoring import compute_dice
from kidney_tumor.volumes.masks import Masks, RunLengthMask

SIDES = ("head and feet", "front and back", "left and right")
"""What is exchanged if a volume is mirrored along its slices, rows or columns."""
AS_TUMOR = "kidney as tumor"
LEAST_GAIN = 0.2
"""By how much the Dice must rise for a prediction to look exchanged."""
LEAST_MIRRORED, LEAST_AS_TUMOR = 0.7, 0.5
"""What the Dice must then reach: of mirrored masks, since a kidney resembles the other one; and of kidney and tumor,
which one of two kidneys reaches that is taken for a tumor."""
TOLERANCE = 0.05
"""Within so much of the best Dice, the mirroring of fewest axes is taken."""


def find_exchange(truth: Masks, prediction: Masks, has_tumors: bool = True) -> str:
    """Find what looks exchanged in a prediction.

    Args:
        truth: The true masks of kidney + tumor, and of tumor.
        prediction: The predicted ones, of the same shape.
        has_tumors: Whether both tell tumors from the kidney.

    Returns:
        One or several of `SIDES`, with commas; `AS_TUMOR` if what is predicted as tumor is the kidney; else nothing.
    """
    if mirrored := find_mirrored(truth[0], prediction[0]):
        return ", ".join(mirrored)
    return AS_TUMOR if has_tumors and predicts_kidney_as_tumor(truth, prediction) else ""


def find_mirrored(truth: RunLengthMask, prediction: RunLengthMask) -> list[str]:
    """Find the `SIDES` that must be exchanged in a mask for it to fit the true one much better; none if it does not."""
    dice = compute_dice(truth, prediction)
    if not truth.voxels or not prediction.voxels or dice > 1 - LEAST_GAIN:
        return []
    ways = [axes for count in (1, 2, 3) for axes in combinations(range(3), count)]
    dices = {axes: compute_dice(truth, mirror(prediction, axes)) for axes in ways}
    best = next(axes for axes in ways if dices[axes] >= max(dices.values()) - TOLERANCE)
    return [SIDES[axis] for axis in best] if dices[best] >= max(LEAST_MIRRORED, dice + LEAST_GAIN) else []


def mirror(mask: RunLengthMask, axes: Collection[int]) -> RunLengthMask:
    """Mirror a mask along some axes: 0 slices, 1 rows, 2 columns."""
    last = (mask.shape[0] - mask.length, mask.shape[1] - 1, mask.shape[2] - 1)
    places = enumerate(mask.locate_starts())
    first, row, column = (last[axis] - place if axis in axes else place for axis, place in places)
    start = first + row * mask.line + (column + 1) * mask.column
    order = np.argsort(start)
    return RunLengthMask(mask.shape, start[order], (start + mask.length)[order])


def predicts_kidney_as_tumor(truth: Masks, prediction: Masks) -> bool:
    """Return whether what is predicted as tumor fits the true kidney without its tumor, and not the true tumor."""
    (whole, tumor), marked = truth, prediction[1]
    in_tumor, in_whole = (int(mask.count_common(marked).sum()) for mask in (tumor, whole))
    if in_whole == in_tumor:
        return False
    as_kidney = 2 * (in_whole - in_tumor) / (whole.voxels - tumor.voxels + marked.voxels)
    as_tumor = 2 * in_tumor / (tumor.voxels + marked.voxels)
    return as_kidney >= max(LEAST_AS_TUMOR, as_tumor + LEAST_GAIN)
