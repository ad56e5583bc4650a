"""What the figures show, read back from them."""

import sys
from dataclasses import replace

import matplotlib.colors
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from kits.analysis.ceiling import STEPS, summarize_steps
from kits.analysis.summary import compare_variants, measure_effect
from kits.figures.ablation import plot_ablation
from kits.figures.cases import find_most_filtered, plot_slice, plot_surfaces
from kits.figures.ceiling import plot_ceiling
from kits.figures.dice import plot_dice, plot_pairs
from kits.figures.morphometry import plot_agreement
from kits.figures.network import plot_network
from kits.figures.pipeline import plot_pipeline
from kits.figures.style import LABEL_COLOURS
from kits.filter.options import CONSTRAINTS_OFF, FilterOptions
from kits.networks.unet import UNet, trace_features


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved, kept instead."""
    kept = []
    for name in ("ablation", "cases", "ceiling", "dice", "morphometry", "network", "pipeline"):
        monkeypatch.setattr(sys.modules[f"kits.figures.{name}"], "save", lambda figure, paths: kept.append(figure))
    yield kept
    for figure in kept:
        plt.close(figure)


def test_fig3_shows_each_dice_in_its_place(drawn, tmp_path):
    nan = float("nan")
    values = {
        ("before", "kidney_tumor"): [0.8, 0.9, 0.7],
        ("after", "kidney_tumor"): [0.95, 0.96, 0.97],
        ("before", "tumor"): [0.1, 0.0, 0.3],
        ("after", "tumor"): [0.5, nan, 0.6],
    }
    rows = [(f"case_{i}", *key, dice) for key, dices in values.items() for i, dice in enumerate(dices)]
    plot_dice(pd.DataFrame(rows, columns=["case", "stage", "target", "dice"]), [tmp_path / "fig3.png"])
    for axis, target, title in zip(drawn[0].axes, ("kidney_tumor", "tumor"), ("Kidney + tumor", "Tumor"), strict=True):
        assert axis.get_title() == title
        points = [line for line in axis.lines if line.get_marker() == "o"]
        for line, stage, colour in zip(points, ("before", "after"), ("tab:blue", "tab:red"), strict=True):
            expected = [dice for dice in values[stage, target] if dice == dice]
            assert line.get_ydata().tolist() == expected
            assert matplotlib.colors.same_color(line.get_color(), colour)
        labels = [label.get_text() for label in axis.get_xticklabels()]
        assert labels[0] == "before\npost-processing\n(n = 3)"
        assert labels[1] == f"after\npost-processing\n(n = {3 if target == 'kidney_tumor' else 2})"


def scores(*cases):
    """Rows of kidney_tumor and tumor: (label voxels, before: true, false positive voxels, after: the same two)."""
    rows = []
    for number, case in enumerate(cases):
        for target in ("kidney_tumor", "tumor"):
            label, *stages = case
            for stage, (true, false) in zip(("before", "after"), stages, strict=True):
                size = label + true + false
                dice = 2 * true / size if size else float("nan")
                rows.append((f"case_{number}", stage, target, dice, label, true + false))
    return pd.DataFrame(rows, columns=["case", "stage", "target", "dice", "label_voxels", "predicted_voxels"])


def test_several_splits_show_each_case_once(drawn, tmp_path):
    table = pd.concat([scores((10, (5, 5), (5, 0))).assign(split=split) for split in (1, 2, 3)])
    table.loc[(table["split"] > 1) & (table["stage"] == "after"), "dice"] = 0.0
    plot_dice(table, [tmp_path / "fig3.png"])
    plot_pairs(table, measure_effect(table, seed=1), tmp_path / "pairs.png")
    fig3, pairs = drawn
    for axis in fig3.axes:
        assert [label.get_text().split("\n")[2] for label in axis.get_xticklabels()] == ["(n = 1)"] * 2
    for axis in pairs.axes:
        assert [line.get_ydata().tolist() for line in axis.lines] == [[0.5, pytest.approx(2 / 3 / 3)]]
        assert axis.get_title().endswith("too few cases for an interval or a test")


def test_pairs_join_each_case(drawn, tmp_path):
    table = scores((10, (5, 5), (5, 0)), (10, (10, 0), (2, 0)), (0, (0, 0), (0, 0)))
    plot_pairs(table, measure_effect(table, seed=1), tmp_path / "pairs.png")
    for axis in drawn[0].axes:
        lines = {tuple(np.round(line.get_ydata(), 3)): line.get_color() for line in axis.lines}
        assert lines == {(0.5, 0.667): "tab:grey", (1, 0.333): "tab:red"}  # the third is undefined


def test_the_case_with_most_removed_false_positives():
    """Case 1 loses 30 false and 5 true voxels; case 0 loses more voxels, but true ones; case 2 has an empty label."""
    table = scores((100, (90, 20), (10, 0)), (50, (40, 40), (35, 10)), (0, (0, 29), (0, 0)))
    assert find_most_filtered(table).to_dict() == {"case": "case_1"}
    split = pd.concat([table.assign(split=1), scores((50, (40, 99), (40, 0))).assign(split=2)])
    assert find_most_filtered(split).to_dict() == {"split": 2, "case": "case_0"}


def test_the_waterfall_ends_where_the_mean_does(drawn, tmp_path):
    values = [1, 0.9, 0.8, 0.8, 0.5, 0.5, 0.5]
    rows = [
        (case, target, step, dice * share, 10, 10)
        for case, share in (("a", 1), ("b", 0.8))
        for target in ("kidney_tumor", "tumor")
        for step, dice in zip(STEPS, values, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["case", "target", "step", "dice", "label_voxels", "voxels"])
    plot_ceiling(table, summarize_steps(table), tmp_path / "ceiling.png")
    for axis in drawn[0].axes:
        ends = [bar.get_y() + bar.get_height() for bar in axis.patches if isinstance(bar, plt.Rectangle)]
        assert ends == pytest.approx([0.9 * dice for dice in values])
        assert axis.patches[0].get_y() == 1


def test_agreement_by_hand(drawn, tmp_path):
    volumes = {"truth": [10, 20, 30], "before": [13, 20, 33], "after": [10, 18, 28]}
    rows = [(f"case_{n}", stage, ml) for stage, mls in volumes.items() for n, ml in enumerate(mls)]
    plot_agreement(pd.DataFrame(rows, columns=["case", "stage", "tumor_ml"]), tmp_path / "agreement.png")
    before, after = drawn[0].axes
    assert before.lines[0].get_xydata().tolist() == [[11.5, 3], [20, 0], [31.5, 3]]
    heights = [line.get_ydata()[0] for line in before.lines[1:4]]
    deviation = np.sqrt(((3 - 2) ** 2 + (0 - 2) ** 2 + (3 - 2) ** 2) / 2)
    assert heights == pytest.approx([2, 2 - 1.96 * deviation, 2 + 1.96 * deviation])
    assert after.lines[1].get_ydata()[0] == pytest.approx(-4 / 3)


def test_agreement_counts_a_case_of_several_splits_once(drawn, tmp_path):
    rows = [
        (split, "case_0", stage, ml) for split, ml in ((1, 5.0), (2, 7.0)) for stage in ("truth", "before", "after")
    ]
    plot_agreement(pd.DataFrame(rows, columns=["split", "case", "stage", "tumor_ml"]), tmp_path / "agreement.png")
    assert drawn[0].axes[0].lines[0].get_xydata().tolist() == [[6, 0]]


def test_agreement_of_one_case_has_no_limits(drawn, tmp_path):
    rows = [("case_0", stage, 5.0) for stage in ("truth", "before", "after")]
    plot_agreement(pd.DataFrame(rows, columns=["case", "stage", "tumor_ml"]), tmp_path / "agreement.png")
    assert len(drawn[0].axes[0].lines) == 2  # the case and the bias


def test_the_pipeline_leaves_out_implied_arrows(drawn, tmp_path):
    plot_pipeline([("a", "b"), ("b", "c"), ("a", "c")], [tmp_path / "fig1.png"])
    [axis] = drawn[0].axes
    texts = {text.get_text(): text.get_position() for text in axis.texts if text.get_text()}
    assert set(texts) == {"a", "b", "c"}
    assert texts["a"][1] > texts["b"][1] > texts["c"][1]
    assert len([text for text in axis.texts if not text.get_text()]) == 2  # arrows


KITS19 = [[0, 0, -1, 0], [0, -1, 0, 0], [-3, 0, 0, 0], [0, 0, 0, 1]]
"""Slices run to the feet, rows to the back, columns to the patient's left."""


def test_surfaces_stand_upright_and_keep_single_voxels(drawn, tmp_path):
    before = np.zeros((10, 300, 200), np.uint8)
    before[1:3, 100:200, 20:80] = 1  # near the head, at the patient's right
    after = before.copy()
    before[8, 7, 195] = 2  # one voxel, near the feet, at the patient's left
    plot_surfaces("case_0", before, after, KITS19, tmp_path / "fig4.png")
    shown = [axis.collections for axis in drawn[0].axes]
    assert [len(collections) for collections in shown] == [2, 1]
    kidney, tumor = (np.concatenate([np.asarray(face) for face in part._faces]) for part in shown[0])
    assert kidney[:, 2].min() > tumor[:, 2].max()  # above
    assert kidney[:, 0].min() > tumor[:, 0].max()  # further to the patient's right
    for axis in drawn[0].axes:
        assert (axis.get_xlim()[1], axis.get_ylim()[1], axis.get_zlim()[1]) == (200, 300, 30)  # mm


def test_the_slice_with_most_tumor_is_shown(drawn, tmp_path):
    image, truth = np.zeros((4, 16, 16), np.int16), np.zeros((4, 16, 16), np.uint8)
    image[2] = 50
    truth[1, 2:12, 2:12] = 1
    truth[2, 4:8, 4:8] = 2
    labels = {"truth": truth, "before": np.zeros_like(truth), "after": np.where(truth == 2, 1, 0)}
    plot_slice("case_0", image, labels, (-79, 304), 1.0, tmp_path / "slice.png")
    axes = drawn[0].axes
    assert [axis.get_title() for axis in axes] == ["case_0, slice 2", "truth", "before", "after"]
    assert all((axis.images[0].get_array() == 50).all() for axis in axes)
    outlines = [[tuple(part.get_edgecolor()[0][:3]) for part in axis.collections] for axis in axes]
    kidney, tumor = (matplotlib.colors.to_rgb(colour) for colour in LABEL_COLOURS.values())
    assert outlines == [[], [tumor], [], [kidney]]


def test_ablation_names_what_is_off(drawn, tmp_path):
    base = FilterOptions(percentiles=(5, 95), tumor_kidney_overlap=0.95)
    variants = [base, replace(base, percentiles=None), replace(base, **CONSTRAINTS_OFF)]
    variants += [replace(base, percentiles=(0, 100)), replace(base, tumor_kidney_overlap=0.5)]
    tables = [
        pd.DataFrame(
            [(case, target, 0.1 * number, 1) for case in "ab" for target in ("kidney_tumor", "tumor")],
            columns=["case", "target", "dice", "predicted_voxels"],
        )
        for number in range(1, len(variants) + 1)
    ]
    plot_ablation(variants, compare_variants(variants, tables, seed=1), [tmp_path / "ablation.png"])
    for row in np.array(drawn[0].axes).reshape(2, 3):
        shown = []
        for axis in row:
            names = [label.get_text() for label in axis.get_xticklabels()]
            heights = axis.lines[0].get_ydata()
            shown.append(dict(zip(names, np.round(heights.astype(float), 6), strict=True)))
        assert shown == [
            {"as configured": 0.1, "any tumor shape": 0.2, "no filter": 0.3},
            {"0-100": 0.4, "5-95": 0.1},
            {"0.5": 0.5, "0.95": 0.1},
        ]


def test_the_network_is_drawn_as_built(drawn, tmp_path):
    """8 channels, two poolings, 32 x 64 pixels: by hand."""
    found = trace_features(UNet(base_channels=8, depth=2), 32, 64)
    assert found == [
        ("encoder", 8, 32, 64), ("encoder", 16, 16, 32), ("encoder", 32, 8, 16),
        ("decoder", 16, 16, 32), ("decoder", 8, 32, 64), ("output", 1, 32, 64),
    ]  # fmt: skip
    plot_network("tumor network", found, tmp_path / "fig2.png")
    texts = [text.get_text() for text in drawn[0].axes[0].texts]
    for expected in ("8 ch", "16 ch", "32 ch", "1 ch", "32 x 64", "16 x 32", "8 x 16"):
        assert expected in texts
    assert "64 ch" not in texts
