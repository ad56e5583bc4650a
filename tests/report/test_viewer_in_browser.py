"""The page of a case as a reader sees it in a real browser without a network."""

import colorsys
import io
import re

import numpy as np
import pytest
from helpers.browser import check_nothing_was_loaded, start
from helpers.pages import AFTER, HOSTILE, HU, SHAPE, WINDOW, write
from PIL import Image, ImageColor
from scipy import ndimage
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.support.ui import WebDriverWait

from kidney_tumor.volumes.colors import LABEL_COLORS

pytestmark = pytest.mark.slow

# In a browser. Colors are those of pixels, red, green and blue.
KIDNEY, TUMOR = (np.array(ImageColor.getrgb(LABEL_COLORS[name])) for name in ("kidney", "tumor"))
SOFTWARE = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""Flags for WebGL 2 without a graphics card."""


@pytest.fixture
def browser(case):
    """The page of the case, drawn, in which labels hide the image."""
    result, page = write(case)
    assert result.returncode == 0, result.stderr
    with start(*SOFTWARE) as driver:
        driver.get(page.as_uri())
        state = WebDriverWait(driver, 60).until(
            lambda driver: driver.execute_script("return document.body.dataset.state")
        )
        assert state == "drawn", driver.find_element("id", "state").text
        move(driver, "opacity", 100)
        driver.find_element("id", "layer_truth").click()
        yield driver


def move(driver, slider, value):
    script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
    driver.execute_script(script, driver.find_element("id", slider), value)


def look(driver, name):
    """The pixels of an element, (height, width, 3)."""
    picture = Image.open(io.BytesIO(driver.find_element("id", name).screenshot_as_png))
    return np.array(picture.convert("RGB")).astype(int)


def find(pixels, color, tolerance=10):
    return np.abs(pixels - color).max(-1) <= tolerance


def find_planes(driver):
    """The three planes, which are what is not black: pixels, from left to right; and the box of each."""
    pixels = look(driver, "planes")
    surfaces = driver.find_element("id", "surfaces").rect
    origin = driver.find_element("id", "planes").rect
    top, left = (max(0, int(surfaces[side] - origin[side]) - 1) for side in "yx")
    pixels[top : top + int(surfaces["height"]) + 3, left:] = 0
    numbers, _ = ndimage.label(ndimage.binary_opening(pixels.max(-1) > 20, iterations=3))  # no lines
    boxes = [box for box in ndimage.find_objects(numbers) if min(side.stop - side.start for side in box) > 40]
    return [pixels[box] for box in boxes], boxes


def count_hue(pixels, color):
    """Count the pixels of a color, however light or dark."""
    hue = colorsys.rgb_to_hsv(*(color / 255))[0]
    values = pixels[pixels.max(-1) - pixels.min(-1) > 25] / 255
    return sum(abs(colorsys.rgb_to_hsv(*value)[0] - hue) < 0.03 for value in values)


def wait(driver, condition):
    return WebDriverWait(driver, 20).until(lambda driver: condition())


def read_place(driver):
    """Slice, row, column and HU under the crosshair, as the page says."""
    text = driver.find_element("id", "place").text
    return [int(number) for number in re.match(r"Slice (\d+), row (\d+), column (\d+): (-?\d+) HU", text).groups()]


def compute_gray(hu):
    return np.full(3, (hu - WINDOW[0]) / (WINDOW[1] - WINDOW[0]) * 255)


def test_image_and_labels_are_seen_in_three_planes_and_as_surfaces(browser):
    wait(browser, lambda: all(find(plane, TUMOR).sum() > 50 for plane in find_planes(browser)[0]))
    planes, _ = find_planes(browser)
    assert len(planes) == 3
    number, row, column, hu = read_place(browser)
    assert AFTER[number, row, column] == 2
    assert abs(hu - HU[number]) <= 2
    for plane in planes:
        assert find(plane, KIDNEY).sum() > 100
    heights, widths = zip(*(plane.shape[:2] for plane in planes), strict=True)
    axial = int(np.argmin(np.array(heights) / widths))
    assert find(planes[axial], compute_gray(HU[number]), 6).mean() > 0.4
    for plane in (plane for i, plane in enumerate(planes) if i != axial):
        shown = np.unique(plane[(plane.max(-1) - plane.min(-1)) <= 2].mean(-1).round())
        assert shown.min() < compute_gray(HU[6])[0] < compute_gray(HU[23])[0] < shown.max()
    rows, columns = np.nonzero(find(planes[axial], TUMOR))
    height, width, _ = planes[axial].shape
    assert np.allclose(columns.mean() / width, 38 / SHAPE[2], atol=0.05)  # on the patient's left, the reader's right
    assert np.allclose(rows.mean() / height, 14 / SHAPE[1], atol=0.05)
    surfaces = look(browser, "surfaces")
    assert count_hue(surfaces, TUMOR) > 100
    assert count_hue(surfaces, KIDNEY) > 1000


def test_a_layer_is_switched_off_and_another_on(browser):
    wait(browser, lambda: find(look(browser, "planes"), TUMOR).any())
    browser.find_element("id", "layer_after").click()
    wait(browser, lambda: not find(look(browser, "planes"), TUMOR).any())
    assert not find(look(browser, "planes"), KIDNEY).any()
    assert count_hue(look(browser, "surfaces"), KIDNEY) + count_hue(look(browser, "surfaces"), TUMOR) == 0
    browser.find_element("id", "layer_truth").click()
    wait(browser, lambda: find(look(browser, "planes"), KIDNEY).any())
    assert not find(look(browser, "planes"), TUMOR).any()
    assert count_hue(look(browser, "surfaces"), TUMOR) == 0
    assert count_hue(look(browser, "surfaces"), KIDNEY) > 1000
    for name in ("layer_truth", "layer_before"):
        browser.find_element("id", name).click()
    wait(browser, lambda: find(look(browser, "planes"), (KIDNEY + 255) // 2).sum() > 100)  # lighter
    assert not find(look(browser, "planes"), KIDNEY).any()


def test_scrolling_shows_another_slice(browser):
    planes, boxes = find_planes(browser)
    axial = int(np.argmin([plane.shape[0] / plane.shape[1] for plane in planes]))
    before = read_place(browser)
    element = browser.find_element("id", "planes")
    middle = [(side.start + side.stop) // 2 for side in boxes[axial]]
    origin = ScrollOrigin.from_element(
        element, middle[1] - element.rect["width"] // 2, middle[0] - element.rect["height"] // 2
    )
    for _ in range(8):
        ActionChains(browser).scroll_from_origin(origin, 0, 120).perform()
    wait(browser, lambda: abs(read_place(browser)[0] - before[0]) >= 5)
    number, *_ = read_place(browser)
    assert AFTER[number].max() == 0
    wait(browser, lambda: find(find_planes(browser)[0][axial], compute_gray(HU[number]), 6).mean() > 0.8)
    assert not find(find_planes(browser)[0][axial], TUMOR).any()


def test_the_window_makes_the_image_brighter(browser):
    number = read_place(browser)[0]
    assert not find(look(browser, "planes"), compute_gray(304), 2).mean() > 0.1
    move(browser, "high", int(HU[number]) - 10)
    wait(browser, lambda: find(look(browser, "planes"), compute_gray(304), 2).mean() > 0.1)


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (800, 900), (390, 900)])
def test_all_planes_are_seen_and_nothing_is_wider_than_the_window(browser, width, height):
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wait(browser, lambda: browser.execute_script("return innerWidth") == width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    wait(browser, lambda: len(find_planes(browser)[0]) == 3)
    parts = {name: browser.find_element("css selector", name).rect["y"] for name in ("main", "form", "footer")}
    expected = ["main", "footer", "form"] if width == 390 else ["form", "main", "footer"]  # a narrow one: picture first
    assert sorted(parts, key=parts.get) == expected


def test_nothing_is_loaded_and_nothing_fails(browser):
    check_nothing_was_loaded(browser)
    assert browser.title == HOSTILE
    assert browser.find_element("css selector", "h1").text == HOSTILE
