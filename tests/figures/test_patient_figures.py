"""The figures of sizes and outcomes, read back from what they draw."""

import numpy as np
import pandas as pd
import pytest

from kidney_tumor.analysis.transfer import tabulate_ranges, tabulate_transfer
from kidney_tumor.data.measures import MEASURES
from kidney_tumor.data.record import CONTINUOUS
from kidney_tumor.figures.agreement import plot_agreement, plot_outliers
from kidney_tumor.figures.morphometry import plot_errors
from kidney_tumor.figures.outcomes import plot_outcomes
from kidney_tumor.figures.ratios import plot_ratios
from kidney_tumor.figures.transfer import plot_transfer
from kidney_tumor.patients.agreement import find_outliers, tabulate_agreement
from kidney_tumor.patients.associations import BASELINE, OUTCOMES, name_statistic


@pytest.fixture
def cases(rng):
    stated = pd.Series(rng.uniform(20, 90, 30), [f"case_{number:05d}" for number in range(30)])
    measured = {
        name: stated + rng.normal(3, 2, 30) for name in ("tumor_axial_mm", "tumor_diameter_mm", "tumor_sphere_mm")
    }
    cases = pd.DataFrame(measured | {"radiographic_mm": stated, "pathologic_mm": stated + 1})
    cases.loc["case_00004", "tumor_axial_mm"] += 40
    return cases


@pytest.mark.parametrize("phantom", [True, False])
def test_sizes_against_both_readers(drawn, tmp_path, cases, phantom):
    agreement = tabulate_agreement(cases, seed=1)
    plot_agreement(cases, agreement, phantom, tmp_path / "a.png")
    axes = np.array(drawn[0].axes).reshape(2, 3)
    x, y = axes[0, 0].lines[0].get_data()
    np.testing.assert_allclose(y, cases["tumor_axial_mm"] / cases["radiographic_mm"])
    np.testing.assert_allclose(x, (cases["tumor_axial_mm"] + cases["radiographic_mm"]) / 2)
    assert axes[1, 2].lines[1].get_ydata()[0] == pytest.approx(agreement["factor"].iloc[5])
    assert f"r = {agreement['pearson'].iloc[0]:.3f}" in axes[0, 0].get_title()
    assert (drawn[0].get_suptitle() != "") == phantom


def test_the_worst_case_is_drawn_with_its_diameter(drawn, tmp_path, cases):
    outliers = find_outliers(cases, tabulate_agreement(cases, seed=1))
    axial = outliers[(outliers["measure"] == "tumor_axial_mm") & (outliers["reference"] == "radiographic_mm")]
    labels = np.zeros((60, 70), np.uint8)
    labels[20:40, 30:50] = 2
    content = {"number": 7, "labels": labels, "ends": np.array([[20, 30], [39, 49]]), "aspect": 1.0}
    plot_outliers(axial, {"case_00004": content}, False, tmp_path / "a.png")
    [axis] = drawn[0].axes
    measured, stated = cases.loc["case_00004", ["tumor_axial_mm", "radiographic_mm"]]
    assert axis.get_title() == f"case_00004, slice 7\nmeasured {measured:.0f} mm, radiologist {stated:.0f} mm"
    assert axis.lines[0].get_xydata().tolist() == [[30, 20], [49, 39]]  # column and row
    np.testing.assert_array_equal(axis.images[0].get_array(), labels)


def test_without_a_case_outside_the_limits_it_is_said(drawn, tmp_path, cases):
    plot_outliers(find_outliers(cases, tabulate_agreement(cases, seed=1)).head(0), {}, False, tmp_path / "a.png")
    assert drawn[0].axes[0].texts[0].get_text() == "no case lies outside the limits"


def test_only_found_associations_of_enough_patients_are_colored(drawn, tmp_path):
    rows = [
        {"outcome": outcome, "statistic": name_statistic(outcome), "measure": measure,
         "n": 50, "events": np.nan if outcome in CONTINUOUS else 20, "value": 0.5, "q": 0.9}
        for outcome in OUTCOMES for measure in (BASELINE, *MEASURES)
    ]  # fmt: skip
    table = pd.DataFrame(rows)

    def put(outcome, measure, **values):
        table.loc[(table["outcome"] == outcome) & (table["measure"] == measure), list(values)] = list(values.values())

    put("malignant", "tumor_ml", value=0.8, q=0.01)
    put("blood_loss_ml", "tumors", value=-0.3, q=0.04)
    put("death", "renal_r", value=0.7, q=0.04)
    put("transfusion", "tumor_ml", value=0.95, q=0.001, events=9)
    put("necrosis", "tumor_ml", value=np.nan, q=np.nan)
    put("complication", "tumor_ml", value=0.9, q=0.001, events=45)  # of 50: too few without it
    plot_outcomes(table, 50, True, tmp_path / "a.png")
    axis = drawn[0].axes[0]
    names, measures = list(OUTCOMES), [BASELINE, *MEASURES]
    colored = np.ma.filled(axis.images[0].get_array(), np.nan)
    expected = np.full((14, 12), np.nan)
    expected[names.index("malignant"), measures.index("tumor_ml")] = 0.6  # 2 * 0.8 - 1
    expected[names.index("blood_loss_ml"), measures.index("tumors")] = -0.3
    expected[names.index("death"), measures.index("renal_r")] = 0.4
    np.testing.assert_allclose(colored, expected)
    assert axis.lines[0].get_ydata()[0] == names.index("blood_loss_ml") - 0.5
    texts = {text.get_position(): text.get_text() for text in axis.texts}
    assert texts[measures.index("tumor_ml"), names.index("transfusion")] == "0.95"
    assert texts[measures.index("tumor_ml"), names.index("necrosis")] == "-"
    assert axis.get_yticklabels()[names.index("malignant")].get_text() == "malignant (20 of 50)"
    assert "PHANTOM" in drawn[0].get_suptitle()


def test_errors_over_dice_count_what_was_not_found(drawn, tmp_path):
    rows = [
        ("a", "before", 0.6, 12.0),
        ("b", "before", 0.0, np.nan),
        ("a", "after", 0.7, 3.0),
        ("b", "after", 0.1, -9.0),
    ]
    plot_errors(pd.DataFrame(rows, columns=["case", "stage", "dice", "error"]), 6.5, True, tmp_path / "a.png")
    [axis] = drawn[0].axes
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == [
        "95 % of labels and radiologist, but for their bias",
        "before post-processing: 1 measured, 1 without a tumor",
        "after post-processing: 2 measured, 0 without a tumor",
    ]
    assert axis.lines[1].get_xydata().tolist() == [[0.7, 3.0], [0.1, -9.0]]


def test_ratios_with_both_ranges(drawn, tmp_path):
    plot_ratios(pd.Series([1.05, 1.25, 1.25, 2.0, np.inf]), "voxel", (1.1, 2.5), (1.07, 2.8), False, tmp_path / "a.png")
    [axis] = drawn[0].axes
    heights = {round(bar.get_x(), 2): bar.get_height() for bar in axis.patches if bar.get_height() in (1, 2)}
    assert heights[1.2] == 2
    assert heights[5.9] == 1  # the infinite one
    assert axis.get_title() == "5 labeled tumor components, 2 of them outside the accepted range"
    assert sorted(line.get_xdata()[0] for line in axis.lines) == [1.07, 2.8]
    plot_ratios(pd.Series([1.05, 2.0]), "mm", (1.1, 2.5), (1.07, 2.8), False, tmp_path / "a.png")
    assert len(drawn[1].axes[0].lines) == 0  # no range in voxels on ratios in mm


def test_cohorts_with_their_ranges_and_what_these_remove(drawn, tmp_path):
    cohorts = {
        name: pd.DataFrame(
            {"case": list("abc"), "ratio_voxel": ratios, "ratio_mm": 1.5, "slice_mm": 3, "ratio_thin": 9}
        )
        for name, ratios in (("ours", [2.0, 3.0, 4.0]), ("theirs", [1.5, 2.5, np.inf]))
    }
    ranges, transfer = tabulate_ranges(cohorts, (0, 100), seed=1), tabulate_transfer(cohorts, (0, 100), seed=1)
    plot_transfer(cohorts, ranges, transfer, True, [tmp_path / "a.png"])
    left, right = drawn[0].axes
    assert [dots.get_offsets()[:, 0].tolist() for dots in left.collections[::3]] == [[2, 3, 4], [1.5, 2.5, 10]]
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in left.patches]
    assert spans == [(2, 4), (1.5, 2.5)]
    labels = [text.get_text() for text in left.get_yticklabels()]
    assert labels == ["ours\n3 tumors, 3 patients", "theirs\n2 tumors, 2 patients"]
    labels = [text.get_text().replace("\n", " ") for text in right.get_yticklabels()]
    assert labels[:2] == ["ours, by the range of all its other patients", "theirs, by the range of ours"]
    tumors = right.containers[0].lines[0].get_xdata()
    assert tumors.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 1])
    assert "PHANTOM" in drawn[0].get_suptitle()
