"""What the figures show, read back from them."""

from dataclasses import replace

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from helpers.drawings import read_legend, scores
from helpers.filters import filter_options

from kidney_tumor.analysis.summary import compare_variants, measure_effect
from kidney_tumor.analysis.trace import STEPS, TRIMMED, Loss
from kidney_tumor.analysis.trace_summary import summarize_steps
from kidney_tumor.figures.ablation import plot_ablation
from kidney_tumor.figures.dice import plot_dice, plot_pairs
from kidney_tumor.figures.morphometry import plot_volumes
from kidney_tumor.figures.network import plot_network
from kidney_tumor.figures.pipeline import plot_pipeline
from kidney_tumor.figures.trace import plot_losses, plot_trace
from kidney_tumor.figures.training import plot_training
from kidney_tumor.filter.constraints import OFF
from kidney_tumor.filter.variants import format_options
from kidney_tumor.networks.unet import UNet, trace_features


def test_fig3_shows_each_dice_in_its_place(drawn, tmp_path):
    nan = float("nan")
    values = {
        ("before", "kidney_tumor"): [0.8, 0.9, 0.7],
        ("after", "kidney_tumor"): [0.95, 0.96, 0.97],
        ("before", "tumor"): [0.1, 0.0, 0.3],
        ("after", "tumor"): [0.5, nan, 0.6],
    }
    rows = [(f"case_{i}", *key, dice) for key, dices in values.items() for i, dice in enumerate(dices)]
    plot_dice(pd.DataFrame(rows, columns=["case", "stage", "target", "dice"]), False, [tmp_path / "fig3.png"])
    for axis, target, title in zip(drawn[0].axes, ("kidney_tumor", "tumor"), ("Kidney + tumor", "Tumor"), strict=True):
        assert axis.get_title() == title
        points = [line for line in axis.lines if line.get_marker() == "o"]
        for line, stage, color in zip(points, ("before", "after"), ("tab:blue", "tab:red"), strict=True):
            expected = [dice for dice in values[stage, target] if dice == dice]
            assert line.get_ydata().tolist() == expected
            assert matplotlib.colors.same_color(line.get_color(), color)
        labels = [label.get_text() for label in axis.get_xticklabels()]
        assert labels[0] == "before\npost-processing\n(n = 3)"
        assert labels[1] == f"after\npost-processing\n(n = {3 if target == 'kidney_tumor' else 2})"


def test_figures_of_phantoms_say_so(drawn, tmp_path):
    table = scores((10, (5, 5), (5, 0)))
    for phantom in (True, False):
        plot_dice(table, phantom, [tmp_path / "fig3.png"])
        plot_pairs(table, measure_effect(table, seed=1), phantom, tmp_path / "pairs.png")
    marked = ["PHANTOM" in figure.get_suptitle() for figure in drawn]
    assert marked == [True, True, False, False]


def test_several_splits_show_each_case_once(drawn, tmp_path):
    table = pd.concat([scores((10, (5, 5), (5, 0))).assign(split=split) for split in (1, 2, 3)])
    table.loc[(table["split"] > 1) & (table["stage"] == "after"), "dice"] = 0.0
    plot_dice(table, False, [tmp_path / "fig3.png"])
    plot_pairs(table, measure_effect(table, seed=1), False, tmp_path / "pairs.png")
    fig3, pairs = drawn
    for axis in fig3.axes:
        assert [label.get_text().split("\n")[2] for label in axis.get_xticklabels()] == ["(n = 1)"] * 2
    for axis in pairs.axes:
        assert [line.get_ydata().tolist() for line in axis.lines] == [[0.5, pytest.approx(2 / 3 / 3)]]
        assert axis.get_title().endswith("too few cases for an interval or a test")


def test_pairs_join_each_case(drawn, tmp_path):
    table = scores((10, (5, 5), (5, 0)), (10, (10, 0), (2, 0)), (0, (0, 0), (0, 0)))
    plot_pairs(table, measure_effect(table, seed=1), False, tmp_path / "pairs.png")
    for axis in drawn[0].axes:
        lines = {tuple(np.round(line.get_ydata(), 3)): line.get_color() for line in axis.lines}
        assert lines == {(0.5, 0.667): "tab:gray", (1, 0.333): "tab:red"}  # the third is undefined
        _, mean, interval, test = axis.get_title().split("\n")
        assert mean == "mean change -0.250, n = 2"
        assert interval.startswith("95 % interval -0.667 to ")
        assert test.startswith("signed-rank test p = ")
    assert read_legend(drawn[0]) == {
        "a case whose Dice falls": "tab:red", "a case whose Dice rises or stays": "tab:gray",
    }  # fmt: skip


def trace(*cases):
    """True masks of cases: name, Dice of both targets and voxels of 10 after each step and, after all, trimmed."""
    rows = [
        (case, target, step, dice, 10, left)
        for case, dices, voxels in cases
        for target in ("kidney_tumor", "tumor")
        for step, dice, left in zip((*STEPS, TRIMMED), dices, voxels, strict=True)
    ]
    return pd.DataFrame(rows, columns=["case", "target", "step", "dice", "label_voxels", "voxels"])


def test_the_true_masks_show_each_case_and_the_mean(drawn, tmp_path):
    first, second = [1, 0.9, 0.8, 0.8, 0.5, 0.5, 0.5, 0.75], [0.8, 0.7, 0.6, 0.6, 0, 0, 0, 0.5]
    table = trace(("a", first, [10] * 8), ("b", second, [10, 10, 10, 10, 0, 0, 0, 5]))
    plot_trace(table, summarize_steps(table, seed=1), True, tmp_path / "trace.png")
    assert "PHANTOM" in drawn[-1].get_suptitle()
    means = [0.9, 0.8, 0.7, 0.7, 0.25, 0.25, 0.25]
    for axis, target in zip(drawn[0].axes, ("Kidney + tumor", "Tumor"), strict=True):
        assert axis.get_title() == f"{target}: true masks after each step (n = 2)"
        *cases, mean, trimmed = axis.lines
        assert [line.get_ydata().tolist() for line in cases] == [[1, *first[:7]], [1, *second[:7]]]
        assert trimmed.get_ydata()[0] == pytest.approx(0.625)
        assert axis.get_legend().texts[0].get_text() == "trimmed until the filter accepts them: 0.6250, 0 emptied"
        assert [line.get_xdata().tolist() for line in cases] == [list(range(8))] * 2
        assert mean.get_ydata().tolist() == pytest.approx([1, 1, *np.repeat(means, 2)])
        ends = [bar.get_y() + bar.get_height() for bar in axis.patches]
        assert ends == pytest.approx(means)
        assert axis.patches[0].get_y() == 1
        assert max(bar.get_zorder() for bar in axis.patches) < min(line.get_zorder() for line in axis.lines)
        numbers = [text.get_text().split("\n") for text in axis.texts]
        assert numbers[0][:2] == ["mean", "change"]
        assert numbers[1] == ["0.9000", "-0.1000", ""]
        assert numbers[4] == ["0.7000", "0", ""]
        assert numbers[5] == ["0.2500", "-0.4500", "1 emptied"]
        assert all(text.xy[1] == 1 and text.get_va() == "bottom" for text in axis.texts)  # above all lines
        low, high = axis.get_ylim()
        assert low < 0 < 1 < high
    names = [label.get_text() for label in drawn[0].axes[1].get_xticklabels()]
    assert names == ["truth", *(step.replace("_", "\n") for step in STEPS)]
    assert list(read_legend(drawn[0])) == ["a case", "mean", "change of the mean"]


def test_losses_name_the_step_that_removed_most(drawn, tmp_path):
    truth = np.zeros((32, 32), np.uint8)
    truth[20:24, 4:8] = 2
    losses = {name: Loss(7, truth, np.where(truth == 2, 1, 0).astype(np.uint8), 1.0) for name in ("a", "b")}
    table = trace(("a", [0.9, 0.6, 0.6, 0.6, 0.1, 0.1, 0.1, 0.6], [9, 5, 5, 5, 1, 1, 1, 5]), ("b", [1] * 8, [10] * 8))
    plot_losses(table, losses, True, tmp_path / "cases.png", "lower_half")
    assert "PHANTOM" in drawn[-1].get_suptitle()
    axes = np.array(drawn[0].axes).reshape(2, 2)
    assert [axis.get_title() for axis in axes[0]] == ["a, slice 7\ntruth", "b, slice 7\ntruth"]
    assert [axis.get_title() for axis in axes[1]] == [
        "what remains after all steps\n1 of the case's 10 tumor voxels\nmost lost at step: ratio (Dice 0.60 to 0.10)",
        "what remains after all steps\n10 of the case's 10 tumor voxels\nnothing lost at any step",
    ]
    for above, below in axes.T:
        assert (above.images[0].get_array() == truth).all()
        assert set(np.unique(below.images[0].get_array())) == {0, 1}
        assert [line.get_ydata()[0] for line in (*above.lines, *below.lines)] == [15.5, 15.5]
    assert list(read_legend(drawn[0])) == [
        "kidney", "tumor", "upper edge of the lower half, which the tumor network sees",
    ]  # fmt: skip


def test_agreement_by_hand(drawn, tmp_path):
    volumes = {"truth": [10, 20, 30], "before": [13, 20, 33], "after": [10, 18, 28]}
    rows = [(f"case_{n}", stage, ml) for stage, mls in volumes.items() for n, ml in enumerate(mls)]
    plot_volumes(pd.DataFrame(rows, columns=["case", "stage", "tumor_ml"]), False, tmp_path / "agreement.png")
    before, after = drawn[0].axes
    assert before.lines[0].get_xydata().tolist() == [[11.5, 3], [20, 0], [31.5, 3]]
    heights = [line.get_ydata()[0] for line in before.lines[1:4]]
    deviation = np.sqrt(((3 - 2) ** 2 + (0 - 2) ** 2 + (3 - 2) ** 2) / 2)
    assert heights == pytest.approx([2, 2 - 1.96 * deviation, 2 + 1.96 * deviation], abs=1e-3)
    assert after.lines[1].get_ydata()[0] == pytest.approx(-4 / 3)
    names = [text.get_text() for text in before.get_legend().get_texts()]
    assert names == ["bias +2 mL", f"95 % limits {2 - 1.96 * deviation:+.3g} to {2 + 1.96 * deviation:+.3g} mL"]


def test_agreement_counts_a_case_of_several_splits_once(drawn, tmp_path):
    rows = [
        (split, "case_0", stage, ml) for split, ml in ((1, 5.0), (2, 7.0)) for stage in ("truth", "before", "after")
    ]
    plot_volumes(pd.DataFrame(rows, columns=["split", "case", "stage", "tumor_ml"]), False, tmp_path / "agreement.png")
    assert drawn[0].axes[0].lines[0].get_xydata().tolist() == [[6, 0]]


def test_agreement_of_one_case_has_no_limits(drawn, tmp_path):
    rows = [("case_0", stage, 5.0) for stage in ("truth", "before", "after")]
    plot_volumes(pd.DataFrame(rows, columns=["case", "stage", "tumor_ml"]), True, tmp_path / "agreement.png")
    assert len(drawn[0].axes[0].lines) == 2  # the case and the bias
    assert "PHANTOM" in drawn[0].get_suptitle()


def test_the_pipeline_leaves_out_implied_arrows(drawn, tmp_path):
    plot_pipeline([("a", "b"), ("b", "c"), ("a", "c")], [tmp_path / "fig1.png"])
    [axis] = drawn[0].axes
    texts = {text.get_text(): text.get_position() for text in axis.texts if text.get_text()}
    assert set(texts) == {"a", "b", "c"}
    assert texts["a"][1] > texts["b"][1] > texts["c"][1]
    assert len([text for text in axis.texts if not text.get_text()]) == 2  # arrows


def test_no_arrow_of_the_pipeline_crosses_a_box(drawn, tmp_path):
    """The rules of a run on phantoms, as `find_edges` lists them."""
    edges = (
        "make_phantom:extract_slices make_phantom:measure_tumors make_phantom:score extract_slices:train "
        "extract_slices:predict train:predict train:summarize measure_tumors:ratio_range ratio_range:postprocess "
        "ratio_range:summarize predict:postprocess predict:score postprocess:score score:summarize "
        "split_cases:summarize summarize:plot_dice"
    )
    plot_pipeline([tuple(edge.split(":")) for edge in edges.split()], [tmp_path / "fig1.png"])
    [axis] = drawn[0].axes
    drawn[0].canvas.draw()
    boxes = {text.get_position(): text.get_bbox_patch().get_window_extent() for text in axis.texts if text.get_text()}
    arrows = [text for text in axis.texts if not text.get_text()]
    assert len(arrows) == 11
    for arrow in arrows:
        line = arrow.arrow_patch.get_path().to_polygons(closed_only=False)[0]
        assert len(line) >= 2
        for place, box in boxes.items():
            if place not in (tuple(arrow.xy), tuple(arrow.xyann)):
                inside = (line > [box.x0, box.y0]) & (line < [box.x1, box.y1])
                assert not inside.all(axis=1).any(), place


def test_training_marks_each_learning_rate(drawn, tmp_path):
    history = [{"epoch": n, "loss": 1 / n, "learning_rate": rate} for n, rate in enumerate([2e-3, 2e-3, 2e-4], 1)]
    plot_training({"history": history, "target": "tumor"}, tmp_path / "training.png")
    loss, rate = drawn[0].axes
    assert loss.lines[0].get_xydata().tolist() == [[1, 1], [2, 1 / 2], [3, 1 / 3]]
    assert rate.lines[0].get_xydata().tolist() == [[1, 2e-3], [2, 2e-3], [3, 2e-4]]
    assert [label.get_text() for label in rate.get_yticklabels()] == ["0.0002", "0.002"]
    assert len(rate.yaxis.get_minorticklocs()) == 0


def test_training_shows_what_the_validation_cases_lack(drawn, tmp_path):
    history = [
        {"epoch": n, "loss": 1 / n, "learning_rate": 1e-3, "validation_dice": dice}
        for n, dice in ((1, 0.25), (2, 0.75))
    ]
    plot_training({"history": history, "target": "tumor"}, tmp_path / "training.png")
    loss, validation = drawn[0].axes[0].lines
    assert loss.get_xydata().tolist() == [[1, 1], [2, 1 / 2]]
    assert validation.get_xydata().tolist() == [[1, 0.75], [2, 0.25]]
    assert drawn[0].axes[0].get_ylabel() == "training loss; 1 - validation Dice (orange)"


def test_ablation_names_what_is_off(drawn, tmp_path):
    base = filter_options(percentiles=(5, 95), tumor_kidney_overlap=0.95)
    variants = [base, replace(base, percentiles=None), replace(base, **OFF)]
    variants += [replace(base, percentiles=(10, 90)), replace(base, percentiles=(0, 100))]
    variants.append(replace(base, tumor_kidney_overlap=0.5))
    tables = [
        pd.DataFrame(
            [
                (case, target, 0.05 * share * number, 1)
                for case, share in (("a", 1), ("b", 1), ("c", 4))
                for target in ("kidney_tumor", "tumor")
            ],
            columns=["case", "target", "dice", "predicted_voxels"],
        ).assign(**format_options(variant))
        for number, variant in enumerate(variants, 1)
    ]
    table = compare_variants(tables, seed=1)
    plot_ablation(table, True, [tmp_path / "ablation.png"])
    assert "PHANTOM" in drawn[-1].get_suptitle()
    for row in np.array(drawn[0].axes).reshape(2, 3):
        shown = []
        for axis in row:
            names = [label.get_text() for label in axis.get_xticklabels()]
            heights = axis.lines[0].get_ydata().astype(float)
            shown.append(list(zip(names, np.round(heights, 6), strict=True)))
            ends = [segment[:, 1] for segment in axis.collections[0].get_segments()]
            # The cases have 1, 1 and 4 times a share, so that each change is 2 shares with an interval of 1 to 4.
            changes = (heights - 0.1) / 2
            np.testing.assert_allclose(ends, heights[:, None] + np.outer(changes, [-1, 2]), atol=1e-6)
        assert shown == [
            [("as configured", 0.1), ("any tumor shape", 0.2), ("no filter", 0.3)],
            [("0-100", 0.5), ("5-95", 0.1), ("10-90", 0.4)],
            [("0.5", 0.6), ("0.95", 0.1)],
        ]


def test_the_network_is_drawn_as_built(drawn, tmp_path):
    """8 channels, two poolings, 32 x 64 pixels: by hand."""
    found = trace_features(UNet(base_channels=8, depth=2, batch_norm=True), 32, 64)
    assert found == [
        ("encoder", 8, 32, 64), ("encoder", 16, 16, 32), ("encoder", 32, 8, 16),
        ("decoder", 16, 16, 32), ("decoder", 8, 32, 64), ("output", 1, 32, 64),
    ]  # fmt: skip
    plot_network("tumor network", found, tmp_path / "fig2.png")
    texts = [text.get_text() for text in drawn[0].axes[0].texts]
    for expected in ("8 ch", "16 ch", "32 ch", "1 ch", "32 x 64", "16 x 32", "8 x 16"):
        assert expected in texts
    assert "64 ch" not in texts
