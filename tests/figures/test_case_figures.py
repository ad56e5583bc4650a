"""What the figures of single cases show, read back from them: surfaces and slices."""

import itertools

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from conftest import AFFINE
from helpers.drawings import read_legend, scores
from mpl_toolkits.mplot3d import proj3d

from kidney_tumor.analysis.summary import find_most_filtered
from kidney_tumor.figures.slices import plot_slice
from kidney_tumor.figures.surfaces import plot_surfaces
from kidney_tumor.volumes.colors import LABEL_COLORS
from kidney_tumor.volumes.grid import Geometry


def test_the_case_with_most_removed_false_positives():
    """Case 1 loses 30 false and 5 true voxels; case 0 loses more voxels, but true ones; case 2 has an empty label."""
    table = scores((100, (90, 20), (10, 0)), (50, (40, 40), (35, 10)), (0, (0, 29), (0, 0)))
    assert find_most_filtered(table).to_dict() == {"case": "case_1"}
    split = pd.concat([table.assign(split=1), scores((50, (40, 99), (40, 0))).assign(split=2)])
    assert find_most_filtered(split).to_dict() == {"split": 2, "case": "case_0"}


def read_surfaces(axis):
    """The points, (n, 3) mm, of kidney and tumor on a 3-D axis: shading leaves a tumor's face redder than green."""
    [surfaces] = axis.collections
    red = surfaces._facecolor3d[:, 0] > surfaces._facecolor3d[:, 1]
    faces = np.asarray(surfaces._faces)
    return faces[~red].reshape(-1, 3), faces[red].reshape(-1, 3)


def test_surfaces_stand_upright_and_keep_single_voxels(drawn, tmp_path):
    before = np.zeros((10, 300, 200), np.uint8)
    before[1:3, 100:200, 20:80] = 1  # near the head, at the patient's right
    after = before.copy()
    before[8, 7, 195] = 2  # one voxel, near the feet, in front, at the patient's left
    plot_surfaces("case_0", before, after, (3, 1, 1), False, tmp_path / "fig4.png")
    left, right = drawn[0].axes
    kidney, tumor = read_surfaces(left)
    # The box spans slices 1 to 8, rows 7 to 199, columns 20 to 195: 24 x 193 x 176 mm. Blocks of 1 x 3 x 2 voxels are
    # drawn as one, counted from the patient's feet, back and left.
    assert tumor.min(0).tolist() == [0, 192, 0]
    assert tumor.max(0).tolist() == [2, 193, 3]
    assert kidney.min(0).tolist() == [116, 0, 18]
    assert kidney.max(0).tolist() == [176, 102, 24]
    alone, nothing = read_surfaces(right)
    assert np.array_equal(np.unique(alone, axis=0), np.unique(kidney, axis=0))
    assert len(nothing) == 0
    for axis in (left, right):
        assert [axis.get_xlim(), axis.get_ylim(), axis.get_zlim()] == [(0, 176), (0, 193), (0, 24)]
        assert np.ptp(axis._box_aspect) / axis._box_aspect.max() == pytest.approx((193 - 24) / 193)  # to scale
        sides = {text.get_text().strip(): text.get_position_3d() for text in axis.texts}
        assert sides == {"R": (176, 193, 0), "L": (0, 193, 0)}
        assert [len(line.get_majorticklocs()) for line in (axis.xaxis, axis.zaxis)] == [6, 3]
    assert [text.get_text() for text in drawn[0].texts] == ["case_0, before filtering", "case_0, after filtering"]
    kidney, tumor, grid = read_legend(drawn[0])
    assert (kidney, tumor, grid) == ("kidney", "tumor", "grid of 50 mm")


@pytest.mark.parametrize("shape", [(1, 50, 60), (5, 50, 60), (300, 4, 4)])
def test_surfaces_of_flat_and_tall_boxes_fit_in_their_panels(drawn, tmp_path, shape):
    """With the drawn box from corner to corner; the panels are half of the figure each."""
    plot_surfaces(
        "case_0", np.full(shape, 1, np.uint8), np.zeros(shape, np.uint8), (3, 1, 1), False, tmp_path / "fig4.png"
    )
    [figure] = drawn
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    for number, axis in enumerate(figure.axes):
        corners = np.array(list(itertools.product(axis.get_xlim(), axis.get_ylim(), axis.get_zlim()))).T
        x, y, _ = proj3d.proj_transform(*corners, axis.get_proj())
        pixels = axis.transData.transform(np.c_[x, y])
        low, high = pixels.min(0) / (width / 2, height), pixels.max(0) / (width / 2, height)
        assert number < low[0] < high[0] < number + 1
        assert 0.05 < low[1] < high[1] < 0.95
        assert max(pixels.max(0) - pixels.min(0)) / figure.dpi == pytest.approx(3.5, rel=0.05)  # inches


def test_surfaces_of_nothing_show_the_whole_volume(drawn, tmp_path):
    nothing = np.zeros((4, 20, 30), np.uint8)
    plot_surfaces("case_0", nothing, nothing, (3, 1, 1), True, tmp_path / "fig4.png")
    assert "PHANTOM" in drawn[0].get_suptitle()
    for axis in drawn[0].axes:
        assert len(axis.collections) == 0
        assert [axis.get_xlim()[1], axis.get_ylim()[1], axis.get_zlim()[1]] == [30, 20, 12]


def test_the_slice_with_most_tumor_is_shown(drawn, tmp_path):
    image, truth = np.zeros((4, 16, 16), np.int16), np.zeros((4, 16, 16), np.uint8)
    image[2] = 50
    truth[1, 2:12, 2:12] = 1
    truth[2, 4:8, 4:8] = 2
    labels = {"truth": truth, "before": np.zeros_like(truth), "after": np.where(truth == 2, 1, 0)}
    geometry = Geometry((4, 32, 64), AFFINE.tolist())
    plot_slice("case_0", image, labels, (-79, 304), geometry, False, tmp_path / "slice.png", "lower_half")
    axes = drawn[0].axes
    assert [axis.get_title() for axis in axes] == ["case_0, slice 2", "truth", "before", "after"]
    assert all((axis.images[0].get_array() == 50).all() for axis in axes)
    outlines = [[tuple(part.get_edgecolor()[0][:3]) for part in axis.collections] for axis in axes]
    kidney, tumor = (matplotlib.colors.to_rgb(color) for color in LABEL_COLORS.values())
    assert outlines == [[], [tumor], [], [kidney]]
    for axis in axes:
        assert axis.get_aspect() == 0.5
        assert [(line.get_ydata()[0], line.get_linestyle()) for line in axis.lines] == [(7.5, "--")]  # row 8 is seen
    entries = read_legend(drawn[0])
    assert list(entries) == ["kidney", "tumor", "upper edge of the lower half, which the tumor network sees"]
    assert [entries["kidney"][:3], entries["tumor"][:3]] == [kidney, tumor]


def test_slices_name_the_patients_sides(drawn, tmp_path):
    """The columns of a volume run to the patient's left."""
    volume = np.ones((1, 8, 8), np.uint8)
    geometry = Geometry((1, 8, 8), AFFINE.tolist())
    plot_slice("case_0", volume, {"truth": volume}, (0, 1), geometry, False, tmp_path / "slice.png", "all")
    assert not any(axis.lines for axis in drawn[0].axes)  # no edge of the lower half
    for axis in drawn[0].axes:
        left, right = sorted(axis.texts, key=lambda text: text.get_position())
        assert (left.get_text(), right.get_text()) == ("R", "L")
