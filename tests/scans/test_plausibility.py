"""What is said about a scan that differs from the training cases, by hand."""

import numpy as np
import pytest
from conftest import AFFINE

from kidney_tumor.data.slices import measure_hu
from kidney_tumor.scans.plausibility import (
    describe_cohort,
    describe_scan,
    list_cuts,
    list_flat_ends,
    list_unlike,
    list_warnings,
)
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.masks import RunLengthMask

GEOMETRY = Geometry((100, 512, 512), AFFINE.tolist())
SCAN = describe_scan(GEOMETRY, (-1000, -100, 800))
COHORT = describe_cohort([SCAN, describe_scan(GEOMETRY, (-1020, -150, 900))], [250.0, 400.0])


def test_a_scan_in_numbers():
    assert SCAN == {
        "slice_mm": 3.0, "height_mm": 300.0, "width_mm": 384.0,
        "hu_low": -1000.0, "hu_middle": -100.0, "hu_high": 800.0,
    }  # fmt: skip
    assert COHORT["cases"] == 2
    assert COHORT["hu_low"] == [-1020.0, -1000.0]
    assert COHORT["kidney_ml"] == [250.0, 400.0]
    ramp = np.arange(-1000, 1000, dtype=np.int16).repeat(64).reshape(2000, 8, 8)
    assert measure_hu(ramp) == pytest.approx([-990, 0, 990], abs=1)


def test_a_scan_like_the_others_raises_no_doubt():
    assert list_warnings(SCAN, 300, COHORT) == []
    assert list_warnings(SCAN, 0, COHORT) == []  # this is a fault, not a difference
    near = {
        "slice_mm": 3.7,
        "height_mm": 370.0,
        "width_mm": 310.0,
        "hu_middle": 90.0,
        "hu_high": 1090.0,
    }
    assert list_warnings(SCAN | near, 170, COHORT) == []
    assert list_warnings(SCAN | {"hu_low": -1210.0}, 590, COHORT) == []
    flat = Geometry((100, 512, 400), [[0, 0, -0.75, 0], [0, -0.9, 0, 0], [-3.0, 0, 0, 0], [0, 0, 0, 1]])
    assert describe_scan(flat, (0, 0, 0))["width_mm"] == pytest.approx(300)


@pytest.mark.parametrize(
    ("change", "kidney_ml", "says"),
    [
        (
            {"hu_low": 0.0, "hu_middle": 100.0, "hu_high": 255.0},
            300,
            "do not look like HU: 99 % of them lie from 0 to 255",
        ),
        ({"hu_low": -190.0}, 300, "do not look like HU"),
        ({"hu_high": 4100.0}, 300, "do not look like HU"),
        ({"hu_high": 1110.0}, 300, "the bright end (0.5 % are brighter) is 1110 HU"),
        ({"slice_mm": 3.8}, 300, "the distance between slices is 3.8 mm"),
        ({"slice_mm": 2.3}, 300, "the distance between slices is 2.3 mm"),
        ({"hu_middle": 500.0}, 300, "the median of all voxels is 500 HU, in the training cases -150 to -100"),
        ({"slice_mm": 10.0}, 300, "the distance between slices is 10 mm, in the training cases 3 to 3"),
        ({"height_mm": 40.0}, 300, "the height of the scan is 40 mm, in the training cases 300 to 300"),
        ({"width_mm": 900.0}, 300, "the width of its field of view is 900 mm"),
        ({}, 160, "the kidneys measure 160 mL"),
        ({}, 610, "the kidneys measure 610 mL"),
        ({}, 20, "the kidneys measure 20 mL, in the training cases 250 to 400"),
        ({}, 900, "the kidneys measure 900 mL"),
    ],
)
def test_each_difference_is_one_line(change, kidney_ml, says):
    (warning,) = list_warnings(SCAN | change, kidney_ml, COHORT)
    assert says in warning


@pytest.mark.parametrize(
    ("slices", "ends"), [([3, 4], []), ([0, 1], ["first"]), ([5], ["last"]), ([0, 5], ["first", "last"])]
)
def test_a_kidney_at_the_end_of_a_scan_is_named(slices, ends):
    mask = np.zeros((6, 8, 8), bool)
    mask[slices, 2:4, 2:4] = True
    said = list(list_cuts(RunLengthMask.from_mask(mask)))
    assert [text.split("the ")[1].split()[0] for text in said] == ends


def test_a_kidney_that_ends_as_none_does_is_named():
    """An ellipsoid ends well. Its lower half has its largest section at an end; cut off by the scan it is not named."""
    slices, rows, columns = np.ogrid[:40, :60, :60]
    whole = ((slices - 20) / 16) ** 2 + ((rows - 30) / 12) ** 2 + ((columns - 20) / 12) ** 2 < 1
    half = np.where(slices >= 20, whole, False)
    for mask, said in ((whole, []), (half, ["slice 20, with 100%"]), (half[20:], []), (half[:, ::4, ::4], [])):
        found = list(list_flat_ends(RunLengthMask.from_mask(mask), (3.0, 1.5, 1.5)))
        assert len(found) == len(said)
        assert all(part in text for part, text in zip(said, found, strict=True))


@pytest.mark.parametrize(
    ("ml", "hu", "said"),
    [
        ((150, 200), (180, 160), []),
        (
            (202, 297),
            (179, 121),
            ["202 mL on the left and 297 mL on the right", "179 HU on the left and 121 HU on the"],
        ),
        ((0, 200), (float("nan"), 160), []),  # a single kidney
        ((290, 150), (30, 35), ["290 mL on the left"]),
    ],
)
def test_kidneys_unlike_each_other_are_named(ml, hu, said):
    measures = {f"kidney_{side}_ml": value for side, value in zip(("left", "right"), ml, strict=True)}
    measures |= {f"kidney_{side}_hu": value for side, value in zip(("left", "right"), hu, strict=True)}
    found = list(list_unlike(measures))
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True))
