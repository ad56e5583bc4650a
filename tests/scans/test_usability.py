"""What is said of a segmentation that cannot be a body's, its sides and attenuation, by blocks of known place."""

import numpy as np
import pytest
from skimage.transform import resize

from kidney_tumor.scans.attenuation import measure_attenuation
from kidney_tumor.scans.sides import measure_sides
from kidney_tumor.scans.usability import list_faults

SPACING = (3.0, 2.0, 2.0)
SHAPE = (120, 128, 160)  # 36 cm high, 25.6 cm deep, 32 cm wide


def scan():
    """A body of water, 28 cm wide, in air."""
    images = np.full((120, 80, 80), -1000, np.int16)
    images[:, 10:70, 5:75] = 40
    return images


def block(center, extent):
    """A block with its center in mm, and how far it extends in mm along each axis."""
    mask = np.zeros(SHAPE, bool)
    low = [round((middle - size / 2) / step) for middle, size, step in zip(center, extent, SPACING, strict=True)]
    high = [round((middle + size / 2) / step) for middle, size, step in zip(center, extent, SPACING, strict=True)]
    mask[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = True
    return mask


RIGHT, LEFT = block((150, 160, 90), (108, 44, 44)), block((135, 160, 230), (108, 44, 44))
NONE = np.zeros(SHAPE, bool)


def faults(*pieces, tumor=NONE, images=None):
    return list_faults(np.any(pieces, 0), tumor, SPACING, scan() if images is None else images)


def test_two_kidneys_of_a_body_have_no_fault():
    assert faults(RIGHT, LEFT) == []
    assert faults(RIGHT) == []  # a single one
    crumb = block((30, 160, 160), (9, 10, 10))
    assert faults(RIGHT, LEFT, crumb) == []
    tumor = block((150, 130, 90), (120, 120, 80))
    assert faults(RIGHT, LEFT, tumor, tumor=tumor) == []  # 1,152 mL, of which the tumor's do not count


def test_a_horseshoe_kidney_may_cross_the_axis():
    assert faults(RIGHT, LEFT, block((180, 140, 160), (30, 40, 200))) == []


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ([NONE], "no kidney was found"),
        ([block((150, 160, 90), (30, 30, 30))], "the kidneys measure 27 mL, a body's 50 to 1100"),
        ([block((150, 160, 90), (180, 100, 80))], "the kidneys measure 1440 mL"),
        ([block((180, 160, 90), (240, 40, 40))], "one kidney is 240 mm high"),
        ([RIGHT, LEFT, block((300, 100, 70), (60, 60, 60))], "there are 3 kidneys"),
        ([block((150, 160, 166), (108, 40, 40))], "one kidney lies 6 mm from the body's axis"),
        (
            [block((100, 160, 80), (108, 40, 40)), block((250, 160, 100), (108, 40, 40))],
            "20 mm apart from side to side",
        ),
        ([block((60, 160, 90), (108, 44, 44)), block((240, 160, 230), (108, 44, 44))], "180 mm above the other"),
    ],
)
def test_each_impossibility_is_said(pieces, says):
    (fault,) = faults(*pieces)
    assert says in fault


def test_a_kidney_and_its_tumor_cannot_be_larger_than_a_trunk():
    tumor = block((180, 128, 100), (200, 160, 100))
    said = faults(RIGHT, LEFT, tumor, tumor=tumor)
    assert any("one kidney with its tumors measures" in fault for fault in said)


@pytest.mark.parametrize("hu", [-600, 700])
def test_air_and_bone_are_no_kidneys(hu):
    images = scan()
    images[images > -1000] = hu
    assert any(
        f"the median of what is called kidney is {hu} HU" in fault for fault in faults(RIGHT, LEFT, images=images)
    )


@pytest.mark.parametrize(
    ("pieces", "tumor", "left", "right"),
    [
        ([RIGHT, LEFT], NONE, 209.088, 209.088),  # 108 x 44 x 44 mm each
        ([LEFT], NONE, 209.088, 0),
        ([RIGHT, LEFT], block((150, 160, 90), (30, 20, 20)), 209.088, 197.088),  # without 30 x 20 x 20 mm
        ([RIGHT, LEFT, block((30, 160, 150), (12, 12, 12))], NONE, 209.088, 210.816),  # and a crumb
        ([block((150, 160, 180), (30, 40, 200))], NONE, 144, 96),  # it crosses the axis: 120 and 80 mm of its width
        ([NONE], NONE, 0, 0),
    ],
)
def test_each_side_is_measured(pieces, tumor, left, right):
    """Columns run to the patient's left, and the body's axis is in the middle, 160 mm from the right end."""
    found = measure_sides(np.any(pieces, 0), tumor, SPACING, scan())
    assert found == pytest.approx({"kidney_left_ml": left, "kidney_right_ml": right})


def test_the_side_is_that_of_the_body_not_of_the_scan():
    images = np.full((120, 80, 80), -1000, np.int16)
    images[:, :, 60:] = 40  # the body's axis is 280 mm from the right end
    assert measure_sides(LEFT, NONE, SPACING, images) == {
        "kidney_left_ml": 0,
        "kidney_right_ml": pytest.approx(209.088),
    }


@pytest.mark.parametrize("tumor", [block((150, 150, 90), (60, 30, 20)), LEFT, NONE])
def test_the_attenuation_is_that_of_each_part(rng, tumor):
    """Slices of 80 x 80 pixels, resized from the masks by another library; the left kidney may be all tumor."""
    kidney, images = RIGHT | LEFT, rng.integers(0, 300, (120, 80, 80), np.int16)  # the axis is in the middle
    parts = (LEFT & ~tumor, RIGHT & ~tumor, tumor)
    inside = [resize(mask, images.shape, order=0, anti_aliasing=False) for mask in parts]
    found = measure_attenuation(kidney, tumor, SPACING, images)
    assert list(found) == ["kidney_left_hu", "kidney_right_hu", "tumor_hu"]
    expected = [np.median(images[mask]) if mask.any() else np.nan for mask in inside]
    np.testing.assert_array_equal(list(found.values()), expected)
    assert np.isnan(measure_attenuation(NONE, NONE, SPACING, images)["kidney_left_hu"])
