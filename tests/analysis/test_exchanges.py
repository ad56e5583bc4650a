"""What looks exchanged in a prediction: drawn kidneys that are mirrored, or marked as tumor."""

import itertools

import numpy as np
import pandas as pd
import pytest
from helpers.filters import box

from kidney_tumor.analysis.comparison import list_warnings
from kidney_tumor.analysis.exchanges import AS_TUMOR, SIDES, find_exchange, mirror
from kidney_tumor.analysis.method_scores import COMPARISON_COLUMNS
from kidney_tumor.volumes.masks import RunLengthMask

SHAPE = (30, 40, 50)
LEFT = box(SHAPE, (4, 20), (18, 32), (30, 42))
RIGHT = box(SHAPE, (8, 22), (20, 34), (6, 16))
TUMOR = box(SHAPE, (8, 12), (20, 24), (10, 16))
WHOLE = LEFT | RIGHT
NOTHING = np.zeros(SHAPE, bool)
EVERY_AXES = [axes for count in (1, 2, 3) for axes in itertools.combinations(range(3), count)]


def pair(whole, tumor):
    return tuple(RunLengthMask.from_mask(np.ascontiguousarray(mask)) for mask in (whole, tumor))


@pytest.mark.parametrize("axes", [(), *EVERY_AXES])
def test_a_mask_is_mirrored_as_an_array_is(axes, rng):
    mask = rng.random((5, 6, 7)) < 0.4
    np.testing.assert_array_equal(mirror(RunLengthMask.from_mask(mask), axes).to_volume(), np.flip(mask, axes))


@pytest.mark.parametrize("axes", EVERY_AXES)
def test_a_mirrored_prediction_names_its_axes(axes):
    """The prediction has errors of its own: the lower slices of one kidney are missing."""
    cut = WHOLE & ~box(SHAPE, (18, 22), (0, 40), (0, 25))
    prediction = pair(np.flip(cut, axes), np.flip(TUMOR, axes))
    assert find_exchange(pair(WHOLE, TUMOR), prediction) == ", ".join(SIDES[axis] for axis in axes)


def test_sides_that_look_alike_are_not_named():
    """The rows of these kidneys are nearly the same backwards: with them exchanged, too, the Dice is 1 and not 0.96."""
    truth = box(SHAPE, (4, 20), (8, 33), (30, 42)) | box(SHAPE, (8, 22), (8, 33), (6, 16))
    seen = np.flip(np.roll(truth, -1, 1), 2)
    assert find_exchange(pair(truth, NOTHING), pair(seen, NOTHING)) == "left and right"


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        (WHOLE, WHOLE & ~TUMOR),
        (WHOLE, LEFT),  # one kidney is missed
        (WHOLE, np.flip(LEFT, 2) | RIGHT),  # one of the two is mirrored
        (WHOLE, NOTHING),
        (NOTHING, WHOLE),
        (NOTHING, NOTHING),
        (WHOLE, np.ones(SHAPE, bool)),
        # Mirrored, it gains 0.35 and has a Dice of 0.53: too bad to tell.
        (WHOLE, np.flip(LEFT & box(SHAPE, (4, 14), (0, 40), (0, 50)), 2)),
        # 3 columns too far to the right, so 0.75; mirrored, 1 too far to the left, so 0.92: no great gain.
        (box(SHAPE, (4, 20), (18, 32), (20, 32)), box(SHAPE, (4, 20), (18, 32), (17, 29))),
    ],
)
def test_a_bad_prediction_is_not_called_mirrored(truth, predicted):
    assert find_exchange(pair(truth, NOTHING), pair(predicted, NOTHING)) == ""


@pytest.mark.parametrize(
    ("true", "marked", "expected"),
    [
        (TUMOR, WHOLE & ~TUMOR, AS_TUMOR),  # labels 1 and 2 exchanged
        (TUMOR, LEFT, AS_TUMOR),  # 1 is the right kidney, 2 the left one
        (NOTHING, LEFT, AS_TUMOR),  # the same, of a healthy patient
        (TUMOR, TUMOR, ""),
        (TUMOR, TUMOR | box(SHAPE, (4, 8), (18, 32), (30, 42)), ""),  # with a part of a kidney
        (TUMOR, NOTHING, ""),
        (LEFT, WHOLE, ""),  # with the kidney, but of a tumor that is larger: 0.59 of the one, 0.73 of the other
    ],
)
def test_a_kidney_marked_as_tumor_is_named(true, marked, expected):
    assert find_exchange(pair(WHOLE, true), pair(WHOLE, marked)) == expected


def test_no_tumor_is_expected_where_the_labels_have_none():
    """A large tumor, marked correctly, lies in what such labels call kidney."""
    assert find_exchange(pair(WHOLE, NOTHING), pair(WHOLE, LEFT), has_tumors=False) == ""


def test_warnings_count_cases_once_that_are_scored():
    sides = ["left and right", "left and right", "", AS_TUMOR, ""]
    rows = [("a", f"case_0000{number}", target, side) for number, side in enumerate(sides) for target in "kt"]
    table = pd.DataFrame(rows, columns=["method", "case", "target", "exchanged"]).reindex(columns=COMPARISON_COLUMNS)
    table[["absent", "problem"]] = ""
    table.loc[table["case"] == "case_00004", "problem"] = "is missing"
    _, marked, mirrored = sorted(list_warnings(table))
    assert mirrored == (
        "a: in 2 of 4 cases the masks would fit the labels much better with left and right exchanged (case_00000 "
        "to case_00001); check how these files, or the labels, were written before you conclude anything"
    )
    assert marked.startswith("a: in 1 of 4 cases most of what is marked as tumor is kidney in the labels (case_00003);")
