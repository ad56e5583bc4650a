"""Second readings of labels, by hand."""

import numpy as np
import pandas as pd
import pytest
from conftest import save
from helpers.filters import box, filter_options

from kidney_tumor.analysis.readers import compare_case, compute_kappa, summarize_reader
from kidney_tumor.filter.constraints import RatioRange

RATIOS = RatioRange(1.0, 2.8, "voxel")
SHAPE = (12, 30, 30)
CUBE = box(SHAPE, (3, 7), (4, 8), (4, 8))  # 64 voxels
ROD = box(SHAPE, (3, 5), (15, 17), (4, 12))  # 2 x 2 x 8 = 32 voxels, with a ratio of 63 / 3 = 21


def write(path, *tumors, cyst=None):
    """A label volume whose kidney is everything around the tumors."""
    label = np.ones(SHAPE, np.uint8)
    for tumor in tumors:
        label[tumor] = 2
    if cyst is not None:
        label[cyst] = 3
    return save(path, label)


def compare(tmp_path, first, second, values=None, **more):
    paths = write(tmp_path / "first.nii.gz", *first), write(tmp_path / "second.nii.gz", *second, **more)
    return compare_case("case_00000", *paths, values, RATIOS, filter_options())


def test_the_filter_takes_what_only_the_second_reader_saw(tmp_path):
    row = compare(tmp_path, [CUBE], [CUBE, ROD])
    assert row["kidney_tumor"] == 1
    assert row["tumor"] == pytest.approx(2 * 64 / (64 + 96))
    assert row["filtered"] == 1
    assert (row["kept_first"], row["kept_second"]) == (1, 1)


def test_the_filter_takes_a_tumor_of_one_reading_only(tmp_path):
    row = compare(tmp_path, [CUBE, ROD], [ROD])
    assert row["tumor"] == pytest.approx(2 * 32 / (96 + 32))
    assert row["filtered"] == 0
    assert (row["kept_first"], row["kept_second"]) == (1, 0)


def test_a_reading_without_a_tumor_has_no_verdict(tmp_path):
    row = compare(tmp_path, [CUBE], [])
    assert row["tumor"] == row["filtered"] == 0
    assert row["kept_first"] == 1
    assert np.isnan(row["kept_second"])


def test_other_labels_are_those_of_the_configuration(tmp_path):
    """A cyst, label 3, is kidney; else the tumor in it would not lie in a kidney."""
    row = compare(tmp_path, [CUBE], [CUBE], {"kidney": [1, 3], "tumor": [2]}, cyst=ROD)
    assert (row["kidney_tumor"], row["tumor"], row["filtered"]) == (1, 1, 1)


def test_kappa_by_hand():
    """Of 50 pairs, 20 and 15 agree: 0.7 where chance gives 0.5 * 0.6 + 0.5 * 0.4 = 0.5 (Cohen's own kind of table)."""
    first = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    second = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    assert compute_kappa(first, second) == pytest.approx(0.4)
    assert compute_kappa(first, first) == 1
    assert np.isnan(compute_kappa(np.ones(3), np.ones(3)))


def test_the_summary_by_hand():
    cases = pd.DataFrame(
        {
            "case": ["a", "b", "c", "d"],
            "kidney_tumor": [1.0, 0.9, 0.8, 0.9],
            "tumor": [0.8, 0.6, np.nan, 0.7],
            "filtered": [0.9, 0.0, np.nan, 0.7],
            "kept_first": [1, 1, np.nan, 0],
            "kept_second": [1, 0, np.nan, 0],
        }
    )
    table = summarize_reader(cases, seed=1).set_index("measure")
    assert table["n"].tolist() == [4, 3, 3, 3, 3, 3, 3]
    expected = {"dice_kidney_tumor": 0.9, "dice_tumor": 0.7, "dice_tumor_filtered": 1.6 / 3, "change": -0.5 / 3}
    # Verdicts agree in two of three; chance gives 2/3 * 1/3 + 1/3 * 2/3.
    expected |= {"emptied_first": 1 / 3, "emptied_second": 2 / 3, "kappa": (2 / 3 - 4 / 9) / (1 - 4 / 9)}
    assert table["value"].to_dict() == pytest.approx(expected)
    assert table.loc["change", ["low", "high"]].tolist() == pytest.approx([-0.6, 0.1])  # one case thrice: 1 in 27
