"""What looks exchanged in a prediction: drawn kidneys that are mirrored, or whose labels are."""

import itertools

import numpy as np
import pandas as pd
import pytest
from helpers.filters import box

from kidney_tumor.analysis.comparison import list_warnings
from kidney_tumor.analysis.exchanges import PARTS, SIDES, find_exchange
from kidney_tumor.analysis.method_scores import COMPARISON_COLUMNS
from kidney_tumor.volumes.masks import RunLengthMask

SHAPE = (30, 40, 50)
LEFT = box(SHAPE, (4, 20), (18, 32), (30, 42))
RIGHT = box(SHAPE, (8, 22), (20, 34), (6, 16))
TUMOR = box(SHAPE, (8, 12), (20, 24), (10, 16))
WHOLE = LEFT | RIGHT


def pair(whole, tumor):
    return RunLengthMask.from_mask(np.ascontiguousarray(whole)), RunLengthMask.from_mask(np.ascontiguousarray(tumor))


@pytest.mark.parametrize("axes", [axes for n in range(4) for axes in itertools.combinations(range(3), n)])
def test_a_mirrored_prediction_names_its_axes(axes):
    """The prediction has errors of its own: the lower slices of one kidney are missing."""
    cut = WHOLE & ~box(SHAPE, (18, 22), (0, 40), (0, 25))
    prediction = pair(np.flip(cut, axes), np.flip(TUMOR, axes))
    assert find_exchange(pair(WHOLE, TUMOR), prediction) == ", ".join(SIDES[axis] for axis in axes)


@pytest.mark.parametrize(
    "whole",
    [
        LEFT,  # one kidney is missed
        np.roll(WHOLE, 6, 2),  # too far to the left
        np.flip(LEFT, 2) | RIGHT,  # one of the two is mirrored
        np.zeros(SHAPE, bool),
        np.ones(SHAPE, bool),
    ],
)
def test_a_bad_prediction_is_not_called_mirrored(whole):
    assert find_exchange(pair(WHOLE, TUMOR), pair(whole, TUMOR)) == ""


def test_nothing_is_exchanged_where_nothing_is_labeled():
    empty = np.zeros(SHAPE, bool)
    assert find_exchange(pair(empty, empty), pair(WHOLE, TUMOR)) == ""
    assert find_exchange(pair(empty, empty), pair(empty, empty)) == ""


@pytest.mark.parametrize(
    ("tumor", "expected"),
    [
        (WHOLE & ~TUMOR, PARTS),  # labels 1 and 2 exchanged
        (LEFT, PARTS),  # 1 is the right kidney, 2 the left one
        (TUMOR, ""),
        (TUMOR | box(SHAPE, (4, 8), (18, 32), (30, 42)), ""),  # with a part of a kidney
        (np.zeros(SHAPE, bool), ""),
    ],
)
def test_a_kidney_predicted_as_tumor_is_named(tumor, expected):
    assert find_exchange(pair(WHOLE, TUMOR), pair(WHOLE, tumor)) == expected
    without = np.zeros(SHAPE, bool)  # a healthy patient
    assert find_exchange(pair(WHOLE, without), pair(WHOLE, tumor)) == expected


def test_the_warning_counts_cases_once():
    sides = ["left and right", "left and right", ""]
    rows = [("a", f"case_0000{number}", target, side) for number, side in enumerate(sides) for target in "kt"]
    table = pd.DataFrame(rows, columns=["method", "case", "target", "exchanged"]).reindex(columns=COMPARISON_COLUMNS)
    table[["absent", "problem"]] = ""
    (line,) = list_warnings(table)
    assert line.startswith("a: 2 of 3 cases fit their labels much better with left and right exchanged (case_00000")
