"""The masks on which docs/measures.md compares libraries, and what this workflow says of them."""

import numpy as np
import pytest

from kidney_tumor.analysis.method_scores import score_mask
from kidney_tumor.volumes.masks import RunLengthMask

SHAPE, SPACING, TOLERANCE = (24, 80, 80), (3.0, 0.8, 0.8), 1.0


def box(*spans):
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*span) for span in spans)] = True
    return mask


def sphere(radius_mm):
    places = [(np.arange(length) - length // 2) * step for length, step in zip(SHAPE, SPACING, strict=True)]
    return sum(axis**2 for axis in np.meshgrid(*places, indexing="ij")) <= radius_mm**2


TRUTH = box((4, 14), (10, 50), (10, 50))


@pytest.mark.parametrize(
    ("prediction", "dice", "hd95_mm", "surface_dice"),
    [
        (np.roll(TRUTH, 5, 2), 0.875, 4.0, 0.642),
        (TRUTH | box((8, 12), (55, 67), (15, 27)), None, 8.8, 0.950),
        (np.zeros(SHAPE, bool), 0, np.inf, 0),
    ],
    ids=["moved", "lump", "missed"],
)
def test_the_docs_say_what_this_workflow_says(prediction, dice, hd95_mm, surface_dice):
    scores = score_mask(*map(RunLengthMask.from_mask, (TRUTH, prediction)), SPACING, TOLERANCE, "missing")
    assert scores["hd95_mm"] == pytest.approx(hd95_mm, abs=0.05)
    assert scores["surface_dice"] == pytest.approx(surface_dice, abs=0.0005)
    assert dice is None or scores["dice"] == pytest.approx(dice)


def test_of_spheres_too():
    scores = score_mask(
        *(RunLengthMask.from_mask(sphere(radius)) for radius in (20, 22)), SPACING, TOLERANCE, "missing"
    )
    assert scores["hd95_mm"] == pytest.approx(3.0, abs=0.05)
    assert scores["surface_dice"] == pytest.approx(0.324, abs=0.0005)
