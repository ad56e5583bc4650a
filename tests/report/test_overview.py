"""The page of all scans: what it says of each, where its links lead, and the small pictures."""

import re
from html import unescape
from urllib.parse import unquote

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from conftest import RESOURCES, run_script, save
from helpers.browser import check_nothing_was_loaded, start
from helpers.pages import AFTER, HOSTILE, HU, WINDOW, save_volumes
from PIL import ImageColor

from kidney_tumor.data.measures import SCAN_MEASURES
from kidney_tumor.data.slices import extract
from kidney_tumor.report.overview import describe_scan, write_overview
from kidney_tumor.report.thumbnail import draw_thumbnail, project
from kidney_tumor.scans.table import find_common_warnings
from kidney_tumor.volumes.colors import LABEL_COLORS
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.masks import RunLengthMask, encode

ROWS = [
    {
        "scan": "a",
        "kidney_ml": 301.4,
        "kidney_left_ml": 140.6,
        "kidney_right_ml": 160.8,
        "kidney_left_hu": 34.6,
        "kidney_right_hu": 121.2,
        "tumors": 0,
        "warnings": "one | two",
        "faults": "",
        "problem": "",
    },
    {"scan": "b ü#", "kidney_ml": 20, "tumors": 0, "warnings": "", "faults": "too small | too low", "problem": ""},
    {"scan": "c", "problem": HOSTILE, "faults": "", "warnings": ""},
]


@pytest.fixture
def page(tmp_path):
    table = pd.DataFrame(ROWS, columns=["scan", *SCAN_MEASURES, "faults", "warnings", "problem"])
    table.to_csv(tmp_path / "scans.tsv", sep="\t", index=False)
    words = ["--scans", tmp_path / "scans.tsv", "--name", "mine", "--template", RESOURCES / "overview.html"]
    result = run_script("write_overview", *words, "--output", tmp_path / "scans.html")
    assert result.returncode == 0, result.stderr
    return tmp_path / "scans.html"


def test_each_scan_has_its_verdict_and_its_links(page):
    text = page.read_text()
    assert "3 scans: 1 to check by eye,\n1 not usable,\n1 not segmented." in text
    first, second, third = re.findall(r"<article.*?</article>", text, re.DOTALL)
    assert "Check by eye" in first
    assert (
        "kidneys (without tumors) 301 mL (141 left, 161 right), median 35 HU left and 121 HU right; no tumor marked"
        in first
    )
    assert "<li>one</li><li>two</li>" in first
    assert re.findall(r"<li>(.*?)</li>", second) == ["too small", "too low"]
    assert "Not usable" in second
    for part, name in ((first, "a"), (second, "b ü#")):
        links = re.findall(r'(?:href|src)="(.*?)"', part)
        assert {unquote(unescape(link)) for link in links} == {f"scans/{name}/view.html", f"scans/{name}/thumbnail.png"}
        assert not any(set(link) & set(" #") for link in links)
    assert "Not segmented" in third
    assert "href" not in third
    assert HOSTILE in unescape(third)
    assert HOSTILE not in third


def test_what_all_segmented_scans_have_is_said_once():
    rows = [{"warnings": text, "problem": ""} for text in ("known | one", "two | known", "known")]
    refused = {"warnings": "", "problem": "no CT"}
    assert find_common_warnings([refused, *rows]) == ["known"]
    assert find_common_warnings([*rows, {"warnings": "", "problem": ""}]) == []
    assert find_common_warnings([refused]) == []
    row = dict.fromkeys(SCAN_MEASURES, "1") | {"scan": "a", "faults": "", **rows[0]}
    assert describe_scan(row, ["known"])["warnings"] == ["one"]


def test_what_is_common_is_a_sentence(tmp_path):
    """A question keeps its mark. Of a single scan nothing is common: its warnings stand beside it."""
    rows = [{"scan": name, "faults": "", "warnings": "one | is it two?", "problem": "", "tumors": 0} for name in "ab"]
    texts = []
    for count in (1, 2):
        table = pd.DataFrame(rows[:count], columns=["scan", *SCAN_MEASURES, "faults", "warnings", "problem"])
        table.to_csv(tmp_path / "scans.tsv", sep="\t", index=False)
        texts.append(write_overview(RESOURCES / "overview.html", tmp_path / "scans.tsv", "mine"))
    assert "<li>one</li><li>is it two?</li>" in texts[0]
    assert '<p class="fault">All scans: one.</p>' in texts[1]
    assert "is it two?</p>" in texts[1]
    assert "<li>one</li>" not in texts[1]


def sample(count, length):
    """The voxels in which the centers of pixels lie."""
    return ((np.arange(count) + 0.5) * length / count).astype(int)


def test_the_small_picture_shows_the_slice_with_the_most_tumor_and_the_front(tmp_path):
    """The slices are flat, so the gray says which one it is; labels lie where they lie in the volume."""
    save_volumes(tmp_path)
    extract(tmp_path / "image.nii.gz", None, 120, tmp_path / "slices", [])
    words = ["--name", "a", "--hu-window", *WINDOW, "--template", RESOURCES / "viewer.html"]
    words += [
        word
        for name in ("image", "kidney", "tumor", "segmentation")
        for word in (f"--{name}", tmp_path / f"{name}.nii.gz")
    ]
    words += ["--slices", tmp_path / "slices", "--thumbnail", tmp_path / "a.png"]
    words += ["--overview", tmp_path / "of all" / "scans.html", "--output", tmp_path / "a" / "view.html"]
    (tmp_path / "a").mkdir()
    result = run_script("write_viewer", *words)
    assert result.returncode == 0, result.stderr
    assert 'href="../of%20all/scans.html"' in (tmp_path / "a" / "view.html").read_text()
    picture = np.rint(matplotlib.image.imread(tmp_path / "a.png")[..., :3] * 255)
    assert picture.shape == (240, 120, 3)
    number = 13  # the first of the equal ones
    gray = (HU[number] - WINDOW[0]) / (WINDOW[1] - WINDOW[0]) * 255
    # 40 rows and 50 columns of 0.75 mm: 96 of the 120 rows, in the middle.
    assert (picture[:12] == 0).all()
    assert (picture[108:120] == 0).all()
    rows, columns = (sample(count, length) for count, length in ((96, 40), (120, 50)))
    labels = AFTER[number][rows[:, None], columns]
    for value, color in enumerate(
        [(gray,) * 3, *(ImageColor.getrgb(LABEL_COLORS[name]) for name in ("kidney", "tumor"))]
    ):
        expected = (gray + np.array(color)) / 2
        assert np.abs(picture[12:108][labels == value] - expected).max() <= 1
    # 30 slices of 3 mm are 90 mm high and 50 columns of 0.75 mm 37.5 mm wide: 50 of the 120 columns, in the middle.
    front = picture[120:]
    assert (front[:, :35] == 0).all()
    assert (front[:, 85:] == 0).all()
    rows, columns = (sample(count, length) for count, length in ((120, 30), (50, 50)))
    grays = np.clip((HU[rows] - WINDOW[0]) / (WINDOW[1] - WINDOW[0]), 0, 1)[:, None, None] * 255
    labels = AFTER.max(axis=1)[rows[:, None], columns]  # here the tumor hides the kidney in front of it and behind it
    for value, name in enumerate(["kidney", "tumor"], 1):
        expected = (np.broadcast_to(grays, (120, 50, 3)) + np.array(ImageColor.getrgb(LABEL_COLORS[name]))) / 2
        assert np.abs(front[:, 35:85] - expected)[labels == value].max() <= 2
    assert np.abs(front[:, 35:85] - grays)[labels == 0].max() <= 1


def test_what_lies_apart_from_front_to_back_is_seen_side_by_side():
    mask = np.zeros((4, 6, 5), bool)
    mask[1, 0, 1] = mask[1:3, 2, 1] = mask[3, 5, 4] = True
    np.testing.assert_array_equal(project(encode(mask)), mask.any(axis=1))
    assert not project(encode(mask[:, 3:5])).any()


def test_the_front_goes_through_the_middle_of_what_is_marked_and_loses_no_voxel():
    """Rows differ in HU, the file has other axes, and 200 voxels a side become 20 pixels."""
    images = np.broadcast_to(10 * np.arange(20)[:, None], (200, 20, 20))
    mask, tumor = np.zeros((2, 200, 200, 200), bool)
    mask[50:150, 40:44, 100] = mask[50:60, 190, 100] = True  # in the middle row 41, which is the fourth of 20
    tumor[7, 3, 11] = mask[7, 3, 11] = True
    cube = Geometry((200, 200, 200), np.eye(4).tolist())  # stored rightwards, to the front and upwards
    front = draw_thumbnail(images, (encode(mask), encode(tumor)), cube, (0, 255))[20:]
    assert front[0, 0].tolist() == [40, 40, 40]
    colors = [(40 + np.array(ImageColor.getrgb(LABEL_COLORS[name]))) / 2 for name in ("kidney", "tumor")]
    assert np.abs(front[10, 10] - colors[0]).max() <= 1
    assert np.abs(front[0, 1] - colors[1]).max() <= 1
    assert (front != 40).any(axis=2).sum() == 10 + 1
    empty = RunLengthMask.from_mask(np.zeros_like(mask))
    assert (draw_thumbnail(images, (empty, empty), cube, (0, 255))[20:] == 100).all()


def test_without_a_tumor_it_shows_kidney_and_without_a_kidney_the_middle():
    images = np.broadcast_to(np.arange(8)[:, None, None], (8, 4, 4))
    mask, nothing = np.zeros((2, 8, 6, 6), bool)
    mask[2, :3], mask[5] = True, True
    kidney, empty = encode(mask), RunLengthMask.from_mask(nothing)
    cube = Geometry((8, 6, 6), [[0, 0, -1, 0], [0, -1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]])
    assert draw_thumbnail(images, (empty, empty), cube, (0, 255))[0, 0].tolist() == [4, 4, 4]
    expected = [round((5 + value) / 2) for value in ImageColor.getrgb(LABEL_COLORS["kidney"])]
    assert np.abs(draw_thumbnail(images, (kidney, empty), cube, (0, 255))[0, 0] - expected).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 400])
def test_it_fits_a_narrow_window(page, width):
    for name in ("a", "b ü#"):
        save(page.parent / "scans" / name / "x.nii.gz", np.zeros((2, 2, 2), np.uint8))
        matplotlib.image.imsave(page.parent / "scans" / name / "thumbnail.png", np.zeros((96, 96, 3), np.uint8))
    with start() as driver:
        driver.get(page.as_uri())
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        assert driver.execute_script("return [...document.images].map(image => image.naturalWidth)") == [96, 96]
        check_nothing_was_loaded(driver)


def test_the_terminal_says_what_the_page_leaves_out(tmp_path):
    """A warning of all scans once, and the pages of scans that an earlier command segmented."""
    rows = [ROWS[0] | {"scan": name, "warnings": f"known | only {name}"} for name in ("a", "b")]
    table = pd.DataFrame(rows, columns=["scan", *SCAN_MEASURES, "faults", "warnings", "problem"])
    table.to_csv(tmp_path / "scans.tsv", sep="\t", index=False)
    for name in ("a", "b", "old"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        (tmp_path / "scans" / name / "view.html").touch()
    said = run_script("show_scans", "--scans", tmp_path / "scans.tsv").stdout.splitlines()
    assert [line for line in said if line.startswith("warning: ")] == [
        "warning: a: only a",
        "warning: b: only b",
        "warning: all 2 scans: known",
        "warning: the table and the page show the scans of this command only, and so not old",
    ]
