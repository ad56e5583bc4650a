"""Predictions against labels: distances of known shifts, tumors matched by hand, and what does not match."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import save
from helpers.filters import box
from scipy import ndimage

from kidney_tumor.analysis import evaluation
from kidney_tumor.analysis.lesions import (
    LEAST_IOU,
    LESION_COLUMNS,
    match_components,
    score_lesions,
    summarize_detection,
)
from kidney_tumor.analysis.method_scores import COMPARISON_COLUMNS, DEFAULTS
from kidney_tumor.analysis.statistics import bound_share
from kidney_tumor.analysis.surface_distances import measure_surfaces
from kidney_tumor.data.segmentations import Segmentation
from kidney_tumor.figures.comparison import plot_worst
from kidney_tumor.volumes.components import find_components
from kidney_tumor.volumes.masks import RunLengthMask

SHAPE = (40, 60, 60)


def encode(*boxes, shape=SHAPE):
    """The mask of the union of boxes, each with its spans."""
    return RunLengthMask.from_mask(np.any([np.zeros(shape, bool), *(box(shape, *spans) for spans in boxes)], 0))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.7, 0.8)])
@pytest.mark.parametrize("shift", [(0, 0, 4), (0, 6, 0), (2, 0, 0)])
def test_a_shifted_box_is_as_far_away_as_it_was_shifted(shift, spacing):
    """The face that it leaves is a sixth of the surface, more than 5 %, and lies as far from the nearest one."""
    spans = ((5, 25), (10, 40), (10, 40))
    moved = [(start + step, stop + step) for (start, stop), step in zip(spans, shift, strict=True)]
    surfaces = measure_surfaces(encode(spans), encode(moved), spacing)
    assert surfaces.compute_hd95() == pytest.approx(np.dot(shift, spacing))


def test_five_percent_of_either_surface_may_lie_anywhere():
    """A speck of 2 x 2 x 2 far away has 24 of 5424 mm², 0.4 %; one of 10 x 10 x 10 has 600 of 6000, a tenth."""
    truth = ((5, 35), (5, 35), (5, 35))
    speck, lump = ((0, 2), (57, 59), (57, 59)), ((10, 20), (45, 55), (10, 20))
    assert measure_surfaces(encode(truth), encode(truth, speck), (1, 1, 1)).compute_hd95() == 0
    for masks in ((encode(truth), encode(truth, lump)), (encode(truth, lump), encode(truth))):
        # From 10 to 20 mm away; its far face is a sixth of it, a 60th of all: all but 5 % are nearer than that.
        assert 10 < measure_surfaces(*masks, (1, 1, 1)).compute_hd95() < 20


def match(true, predicted):
    return match_components(*(find_components(mask) for mask in (true, predicted)))


def test_tumors_are_matched_by_hand():
    """Three true tumors of 10 x 10 x 10 voxels: one moved by 5, one cut in two, one missed; and one that is none."""
    true = encode(*(((0, 10), (0, 10), (start, start + 10)) for start in (0, 20, 45)))
    moved, false = ((0, 10), (5, 15), (0, 10)), ((30, 34), (50, 54), (50, 54))
    halves = ((0, 10), (0, 10), (20, 26)), ((0, 10), (0, 10), (27, 30))
    table = score_lesions(true, encode(moved, *halves, false), (2.0, 1.0, 1.0), DEFAULTS, 10)
    assert table["status"].tolist() == ["found", "found", "missed", "false"]
    assert table["lesion"].tolist() == [1, 2, 3, 0]
    assert table["iou"].tolist() == pytest.approx([500 / 1500, 600 / 1000, 0, 0])
    assert table["dice"].tolist() == pytest.approx([0.5, 1200 / 1600, 0, 0])
    assert table["label_ml"].tolist() == pytest.approx([2, 2, 2, 0])
    assert table["predicted_ml"].tolist() == pytest.approx([2, 1.2, 0, 0.128])
    assert table["hd95_mm"].tolist() == pytest.approx([5, 4, np.inf, np.inf])
    assert len(score_lesions(true, encode(moved), (2.0, 1.0, 1.0), DEFAULTS, 1001)) == 0
    assert len(score_lesions(true, encode(moved), (2.0, 1.0, 1.0), DEFAULTS, 1000)) == 3


def test_a_tumor_is_found_from_the_least_overlap_on():
    """Parts of a tumor of 100 voxels: 10 of them are the tenth of the union that PI-CAI asks for."""
    true = encode(((0, 1), (0, 10), (0, 10)))
    for voxels, status in ((10, ["found"]), (9, ["missed", "false"])):
        table = score_lesions(true, encode(((0, 1), (0, 1), (0, voxels))), (1.0, 1.0, 1.0), DEFAULTS, 1)
        assert table["status"].tolist() == status
        assert table["iou"].tolist() == [voxels / 100] * len(status)


def test_as_many_tumors_as_possible_are_matched(rng):
    """Against all ways to pair the components, which ndimage labels."""
    found = 0
    for _ in range(60):
        masks = [ndimage.binary_dilation(rng.random((8, 14, 14)) < 0.006, iterations=2) for _ in range(2)]
        (one, ones), (two, twos) = (ndimage.label(mask, np.ones((3, 3, 3))) for mask in masks)
        if max(ones, twos) > 5 or not ones or not twos:
            continue
        iou = np.array(
            [
                [((one == i) & (two == j)).sum() / ((one == i) | (two == j)).sum() for j in range(1, twos + 1)]
                for i in range(1, ones + 1)
            ]
        )
        partner, measured = match(*map(RunLengthMask.from_mask, masks))
        assert sorted(measured.ravel()) == pytest.approx(sorted(iou.ravel()))
        ways = (
            [iou[i, j] for i, j in zip(rows, columns, strict=True) if iou[i, j] >= LEAST_IOU]
            for count in [min(ones, twos)]
            for rows in itertools.permutations(range(ones), count)
            for columns in itertools.combinations(range(twos), count)
        )
        best = max((len(way), sum(way)) for way in ways)
        pairs = measured[np.flatnonzero(partner >= 0), partner[partner >= 0]]
        assert (len(pairs), pairs.sum()) == (best[0], pytest.approx(best[1]))
        assert len(set(partner[partner >= 0])) == len(pairs)
        found += len(pairs)
    assert found > 20


def test_nothing_in_either_mask_is_no_lesion():
    nothing, something = encode(), encode(((0, 4), (0, 4), (0, 4)))
    assert list(score_lesions(nothing, nothing, (1, 1, 1), DEFAULTS, 1)["status"]) == []
    assert list(score_lesions(nothing, something, (1, 1, 1), DEFAULTS, 1)["status"]) == ["false"]
    assert list(score_lesions(something, nothing, (1, 1, 1), DEFAULTS, 1)["status"]) == ["missed"]


def test_the_share_of_tumors_found_by_hand():
    """In a 2 of 3 are found, in b 1 of 1, c has none, and d is not scored: 3 of 4, and one false one in 3 cases."""
    rows = [("a", "found"), ("a", "found"), ("a", "missed"), ("b", "found"), ("c", "false")]
    lesions = pd.DataFrame([("m", case, status) for case, status in rows], columns=["method", "case", "status"])
    (row,) = summarize_detection(lesions, {"m": ["a", "b", "c"]}, 0).to_dict("records")
    assert (row["cases"], row["lesions"], row["found"], row["false"]) == (3, 4, 3, 1)
    assert (row["sensitivity"], row["false_per_case"]) == pytest.approx((3 / 4, 1 / 3))
    assert (row["sensitivity_low"], row["sensitivity_high"]) == bound_share(np.array([2, 1]), np.array([3, 1]))
    assert summarize_detection(lesions, {}, 0).columns[0] == "method"  # none, where only kidneys are scored
    (row,) = summarize_detection(lesions, {"m": ["c"]}, 0).to_dict("records")
    assert np.isnan(row["sensitivity"])
    (row,) = summarize_detection(lesions[:0], {"m": ["c", "d"]}, 0).to_dict("records")
    assert (row["lesions"], row["false_per_case"], row["false_per_case_low"]) == (0, 0, 0)
    assert row["false_per_case_high"] == pytest.approx(3.689 / 2, rel=1e-3)  # e to the power of -3.689 is 0.025
    for status, ends in (("found", (0.025**0.5, 1)), ("missed", (0, 1 - 0.025**0.5))):
        alike = lesions[:4].assign(status=status)  # 0.025 is the chance of this in both cases
        (row,) = summarize_detection(alike, {"m": ["a", "b", "c"]}, 0).to_dict("records")
        assert (row["sensitivity_low"], row["sensitivity_high"]) == pytest.approx(ends)


@pytest.fixture
def pair(tmp_path):
    """A label and a prediction, in 6 slices of 20 x 30: the tumor is wrong most in slice 3, the kidney in slice 1."""
    truth = np.zeros((6, 20, 30), np.uint8)
    truth[1:5, 5:15, 5:25] = 1
    truth[2:5, 6:12, 6:12] = 2
    prediction = truth.copy()
    prediction[1, 5:10] = 0
    prediction[3, 6:12, 6:11] = 1
    prediction[4, 6, 6] = 1
    return (
        Segmentation([save(tmp_path / "truth.nii.gz", truth)]),
        Segmentation([save(tmp_path / "prediction.nii.gz", prediction)]),
        truth,
        prediction,
    )


def test_a_case_by_hand(pair, tmp_path, drawn):
    label, segmentation, truth, prediction = pair
    found = evaluation.evaluate_case("m", "patient 7", label, segmentation, DEFAULTS, 10)
    dices = [
        2 * (t & p).sum() / (t.sum() + p.sum()) for t, p in ((truth > 0, prediction > 0), (truth == 2, prediction == 2))
    ]
    assert found.scores["dice"].tolist() == pytest.approx(dices)
    assert found.scores["target"].tolist() == ["kidney_tumor", "tumor"]
    assert list(found.scores) == list(COMPARISON_COLUMNS)
    assert found.scores["exchanged"].tolist() == ["", ""]
    assert found.lesions[["method", "case", "lesion", "status"]].to_numpy().tolist() == [["m", "patient 7", 1, "found"]]
    assert list(found.lesions) == list(LESION_COLUMNS)
    path = tmp_path / "views.npz"
    evaluation.write_views(path, found.views)
    for target, number in (("kidney_tumor", 1), ("tumor", 3)):
        view = evaluation.read_view(path, target)
        assert (view.number, view.aspect, view.pixel_mm) == (number, 1, 0.75)
        np.testing.assert_array_equal(view.truth, truth[number])
        np.testing.assert_array_equal(view.prediction, prediction[number])
    plot_worst(found.scores, lambda method, case, target: evaluation.read_view(path, target), None)
    plot_worst(found.scores.assign(case="$_$"), lambda method, case, target: evaluation.read_view(path, target), None)
    drawn[1].canvas.draw()  # between dollar signs, matplotlib would read mathematics, and fail
    axes = drawn[0].axes
    assert axes[6].get_title() == "patient 7, slice 3\ntruth"
    assert axes[7].get_title() == f"Tumor, Dice {dices[1]:.3f}\nof the volume, m"
    np.testing.assert_array_equal(axes[7].images[0].get_array()[5:25], prediction[3])
    assert [text.get_text() for text in axes[6].texts] == ["R", "L", "10 mm"]
    assert np.diff(axes[6].lines[0].get_xdata()).tolist() == pytest.approx([10 / 22.5])  # of a picture of 30 pixels
    outline = np.concatenate([path.vertices for path in axes[7].collections[0].get_paths()])
    rows, columns = np.nonzero(truth[3] == 2)
    assert outline.min(0).tolist() == [columns.min() - 0.5, rows.min() + 4.5]  # 5 rows of background lie above
    assert outline.max(0).tolist() == [columns.max() + 0.5, rows.max() + 5.5]


def test_a_file_that_is_mirrored_says_so(pair, tmp_path):
    label, segmentation, truth, _ = pair
    moved = np.roll(truth, 4, 2)
    for name, values in (("truth", moved), ("prediction", moved[:, :, ::-1])):
        save(tmp_path / f"{name}.nii.gz", values)
    found = evaluation.evaluate_case("m", "a", label, segmentation, DEFAULTS, 10)
    assert found.scores["exchanged"].tolist() == 2 * ["left and right"]
    assert found.scores["dice"][0] == pytest.approx(12 / 20)


def test_labels_without_tumors_call_no_tumor_a_kidney(pair, tmp_path):
    """The tumor is most of the kidney, and marked correctly; labels with one number for both call neither a tumor."""
    label, segmentation, truth, _ = pair
    for name in ("truth", "prediction"):
        save(tmp_path / f"{name}.nii.gz", np.where(truth == 1, 2, truth > 0).astype(np.uint8))
    wrong = 2 * ["kidney as tumor"]
    for values, expected in (({"kidney": [1, 2], "tumor": []}, [""]), ({"kidney": [2], "tumor": [1]}, wrong)):
        truth_of = replace(label, values=values)
        found = evaluation.evaluate_case("m", "a", truth_of, segmentation, DEFAULTS, 10)
        assert found.scores["exchanged"].tolist() == expected


def test_two_empty_masks_count_as_perfect_if_asked_and_are_not_drawn(tmp_path, drawn):
    """Of a case without a tumor the kidney alone is drawn, and of one without anything nothing."""
    kidney, nothing = np.zeros((2, 4, 5, 6), np.uint8)
    kidney[2, 2:4, 2:4] = 1
    one = replace(DEFAULTS, both_empty="one")
    tables = []
    for case, label in (("a", kidney), ("b", nothing)):
        segmentation = Segmentation([save(tmp_path / f"{case}.nii.gz", label)])
        found = evaluation.evaluate_case("m", case, segmentation, segmentation, one, 10)
        assert found.scores["dice"].tolist() == found.scores["surface_dice"].tolist() == [1, 1]
        assert found.scores["hd95_mm"].tolist() == [0, 0]
        assert len(found.lesions) == 0
        evaluation.write_views(tmp_path / f"{case}.npz", found.views)
        tables.append(found.scores)
    for table in (pd.concat(tables), tables[1]):
        plot_worst(table, lambda _, case, target: evaluation.read_view(tmp_path / f"{case}.npz", target), None)
    titles = [[axis.get_title() for axis in figure.axes if axis.get_title()] for figure in drawn]
    assert titles == [["a, slice 2\ntruth", "Kidney + tumor, Dice 1.000\nof the volume, m"], []]


def test_a_view_shows_15_mm_around_the_labels():
    masks = [encode(((3, 5), (30, 32), (40, 41))) for _ in range(2)]
    view = evaluation.find_view(masks, masks, (3.0, 1.0, 0.5), "tumor")
    assert view.number == 3  # of a perfect prediction, the first with most of the target
    assert (view.aspect, view.pixel_mm) == (2, 0.5)
    assert view.truth.shape == (15 + 2 + 15, 30 + 1 + 19)  # to the border on the right
    assert (view.truth[15:17, 30] == 2).all()
    assert view.truth.sum() == 4
    assert evaluation.find_view([encode(), encode()], [encode(), encode()], (1.0, 1.0, 1.0), "tumor") is None


def test_what_cannot_be_used_is_a_row_in_words(pair, tmp_path):
    label, segmentation, truth, _ = pair
    small = Segmentation([save(tmp_path / "small.nii.gz", truth[:5])])
    cyst = Segmentation([save(tmp_path / "cyst.nii.gz", np.where(truth == 2, 3, truth))])
    text = tmp_path / "text.nii.gz"
    text.write_text("no volume")
    for given, says in (
        ((label, small), "small.nii.gz has shape (5, 20, 30), but"),
        (
            (label, cyst),
            "cyst.nii.gz holds labels 3; expected 0, 1 and 2 only; correct the file, or say what the labels "
            "of all files mean: `kidney evaluate ... --labels kidney=1,3 tumor=2` where 3 is a cyst",
        ),
        ((Segmentation([text]), segmentation), "text.nii.gz is not a NIfTI file"),
        ((label, Segmentation([text])), "text.nii.gz is not a NIfTI file"),
    ):
        found = evaluation.evaluate_case("m", "a", *given, DEFAULTS, 10)
        assert found.scores["problem"].str.contains(says, regex=False).tolist() == [True, True]
        assert found.scores["dice"].isna().all()
        assert len(found.lesions) == len(found.views) == 0


def test_only_what_both_segment_is_scored(pair):
    label, segmentation, *_ = pair
    kidney = Segmentation(segmentation.files, {"kidney": [1, 2], "tumor": []})
    for given in ((label, kidney), (kidney, label)):
        found = evaluation.evaluate_case("m", "a", *given, DEFAULTS, 10)
        assert found.scores["target"].tolist() == ["kidney_tumor"]
        assert len(found.lesions) == 0
        assert list(found.views) == ["kidney_tumor"]


def test_what_does_not_match_is_named_in_one_line_each():
    rows = [("b", "x", "tumor", ""), ("a", "x", "tumor", ""), ("a", "x", "kidney_tumor", "")]
    table = pd.DataFrame(rows, columns=["method", "case", "target", "problem"]).reindex(columns=COMPARISON_COLUMNS)
    left_out = [("a", "case_00001", "no prediction"), ("a", "case_00002", "no prediction"), ("b", "p 3", "is odd")]
    joined = evaluation.add_left_out(table, left_out, ["a", "b"])
    assert joined["method"].tolist() == ["a"] * 6 + ["b"] * 2
    assert joined.loc[joined["case"] == "p 3", ["target", "problem"]].to_numpy().tolist() == [["tumor", "is odd"]]
    assert joined[joined["case"] == "case_00001"]["target"].tolist() == ["tumor", "kidney_tumor"]
    assert evaluation.add_left_out(table, [], ["a", "b"])["case"].tolist() == ["x"] * 3
    assert list(evaluation.list_unmatched(left_out, 4, [("b", "q", "case_00009")])) == [
        "a: 2 of 4 cases are left out, no prediction: case_00001 to case_00002",
        "b: 1 of 4 cases are left out, is odd: p 3",
        "b: there is no label for 2 of its cases: case_00009, q",
    ]


def test_means_over_different_cases_are_said():
    rows = [("a", "kidney_tumor", 4), ("b", "kidney_tumor", 3), ("a", "tumor", 4), ("b", "tumor", 4), ("c", "tumor", 0)]
    summary = pd.DataFrame(rows, columns=["method", "target", "n"]).assign(measure="dice")
    (said,) = evaluation.list_unequal(summary)
    assert said.startswith("the means of kidney + tumor are over different cases (a 4, b 3): compare")


def test_scores_are_shown_by_hand():
    """Without a tumor, or a prediction of one, a target has volumes but no Dice, or infinite distances."""
    keys = ["dice", "surface_dice", "hd95_mm", "error_ml"]
    none, all_infinite = dict.fromkeys(keys, (0, 0)) | {"error_ml": (3, 0)}, {"hd95_mm": (0, 3)}
    some = {"hd95_mm": (2, 1)}
    rows = [
        ("a", "kidney_tumor", dict.fromkeys(keys, (3, 0))),
        ("a", "tumor", none),
        ("b", "kidney_tumor", dict.fromkeys(keys, (3, 0)) | some),
        ("b", "tumor", dict.fromkeys(keys, (3, 0)) | all_infinite),
    ]
    values = {"mean": 0.5, "mean_low": 0.25, "mean_high": 0.75, "median": 0.6, "median_low": 0.2, "median_high": 0.8}
    nothing = dict.fromkeys(values, np.nan)
    summary = pd.DataFrame(
        {"method": method, "target": target, "measure": key, "n": n, "infinite": infinite, **(values if n else nothing)}
        for method, target, counts in rows
        for key, (n, infinite) in counts.items()
    )
    detection = pd.DataFrame(columns=["method", "found", "lesions", "cases", "false_per_case"])
    mean, median = "0.5000 [0.2500, 0.7500]", "0.6000 [0.2000, 0.8000]"
    header, *lines = (line.split("  ") for line in evaluation.describe_methods(summary, detection))
    assert [word.strip() for word in header if word] == [
        *("method", "target", "cases", "mean Dice", "median Dice", "mean surface Dice", "median HD95, mm")
    ]
    assert [[word.strip() for word in line if word.strip()] for line in lines] == [
        ["a", "kidney + tumor", "3", mean, median, mean, "0.6 [0.2, 0.8]"],
        ["b", "kidney + tumor", "3", mean, median, mean, "0.6 [0.2, 0.8], 1 infinite"],
        ["b", "tumor", "3", mean, median, mean, "3 infinite"],
    ]
    assert list(evaluation.describe_methods(summary[summary["target"] == "tumor"][:4], detection)) == []
