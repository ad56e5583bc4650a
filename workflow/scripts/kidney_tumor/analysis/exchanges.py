"""Predictions that fit their labels much better with two sides, or kidney and tumor, exchanged."""

from itertools import product

import numpy as np

from kidney_tumor.analysis.scoring import compute_dice
from kidney_tumor.volumes.masks import Masks, RunLengthMask

SIDES = ("head and feet", "front and back", "left and right")
"""What is exchanged if a volume is mirrored along its slices, rows or columns."""
PARTS = "kidney and tumor"
LEAST_GAIN = 0.2
"""By how much the Dice must rise for a prediction to look exchanged."""
LEAST_MIRRORED, LEAST_PARTS = 0.7, 0.5
"""What the Dice must then reach: of mirrored masks, since a kidney resembles the other one; and of kidney and tumor,
which one of two kidneys reaches that is taken for a tumor."""


def find_exchange(truth: Masks, prediction: Masks) -> str:
    """Find what looks exchanged in a prediction.

    Args:
        truth: The true masks of kidney + tumor, and of tumor.
        prediction: The predicted ones, of the same shape.

    Returns:
        One or several of `SIDES`, with commas; `PARTS` if what is predicted as tumor is the kidney; else nothing.
    """
    if mirrored := find_mirrored(truth[0], prediction[0]):
        return ", ".join(mirrored)
    return PARTS if predicts_kidney_as_tumor(truth, prediction) else ""


def find_mirrored(truth: RunLengthMask, prediction: RunLengthMask) -> list[str]:
    """Find the `SIDES` that must be exchanged in a mask for it to fit the true one much better; none if it does not."""
    sizes = truth.voxels + prediction.voxels
    if not truth.voxels or not prediction.voxels or compute_dice(truth, prediction) > 1 - LEAST_GAIN:
        return []
    depth, rows, columns = truth.shape
    common = dict.fromkeys(product((1, -1), repeat=3), 0)
    for number in np.flatnonzero(truth.count_by_slice()):
        true, plane, opposite = (
            mask.crop((slice(place, place + 1), slice(0, rows), slice(0, columns)))[0]
            for mask, place in ((truth, number), (prediction, number), (prediction, depth - 1 - number))
        )
        for steps in common:
            seen = plane if steps[0] == 1 else opposite
            common[steps] += np.count_nonzero(true & seen[:: steps[1], :: steps[2]])
    best = max(common, key=lambda steps: common[steps])
    dice, gain = (2 * voxels / sizes for voxels in (common[best], common[best] - common[1, 1, 1]))
    if dice < LEAST_MIRRORED or gain < LEAST_GAIN:
        return []
    return [sides for sides, step in zip(SIDES, best, strict=True) if step == -1]


def predicts_kidney_as_tumor(truth: Masks, prediction: Masks) -> bool:
    """Return whether what is predicted as tumor fits the true kidney without its tumor, and not the true tumor."""
    (whole, tumor), marked = truth, prediction[1]
    in_tumor, in_whole = (int(mask.count_common(marked).sum()) for mask in (tumor, whole))
    if in_whole == in_tumor:
        return False
    as_kidney = 2 * (in_whole - in_tumor) / (whole.voxels - tumor.voxels + marked.voxels)
    as_tumor = 2 * in_tumor / (tumor.voxels + marked.voxels)
    return as_kidney >= max(LEAST_PARTS, as_tumor + LEAST_GAIN)
