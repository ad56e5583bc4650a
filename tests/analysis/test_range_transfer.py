"""A range of ratios on other tumors: shares and intervals by hand and by brute force."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from kidney_tumor.analysis.transfer import count_lost, describe_transfer, tabulate_ranges, tabulate_transfer
from kidney_tumor.errors import UserError


def draw(cases, ratios, slices=3.0, mm=1.5, thin=99.0):
    """A cohort's table of tumors."""
    columns = {"case": list(cases), "ratio_voxel": ratios, "ratio_mm": mm, "slice_mm": slices, "ratio_thin": thin}
    return pd.DataFrame(columns)


A = draw("abc", [2.0, 3.0, 4.0])
B = draw("xxy", [1.5, 3.5, 5.0], slices=[1.1, 1.1, 1.2])


def pick(table, giver, taker, unit="voxel", slices="all"):
    rows = table[(table["range_of"] == giver) & (table["tumors_of"] == taker) & (table["ratio_unit"] == unit)]
    return rows[rows["slices"] == slices].set_index("counted")[["n", "lost"]].T.to_dict("list")


def test_both_directions_and_patients_by_one_another():
    """Ranges from the smallest to the largest ratio: 2 to 4, and 1.5 to 5."""
    table = tabulate_transfer({"A": A, "B": B}, (0, 100), seed=1)
    assert pick(table, "A", "B") == {"tumors": [3, 2], "patients": [2, 1]}  # of x, one of two tumors is left
    assert pick(table, "B", "A") == {"tumors": [3, 0], "patients": [3, 0]}
    assert pick(table, "A", "A") == {"tumors": [3, 2], "patients": [3, 2]}  # the others' ranges: 3 to 4, 2 to 4, 2 to 3
    assert pick(table, "B", "B") == {"tumors": [3, 3], "patients": [2, 2]}  # both tumors of x by that of y alone
    assert pick(table, "A", "B", unit="mm") == {"tumors": [3, 0], "patients": [2, 0]}  # a range of one number


def test_parts_by_the_distance_between_slices():
    table = tabulate_transfer({"A": A, "B": B}, (0, 100), seed=1)
    assert pick(table, "A", "B", slices="<= 1.1 mm") == {"tumors": [2, 1], "patients": [1, 0]}
    assert pick(table, "A", "B", slices="> 1.1 mm") == {"tumors": [1, 1], "patients": [1, 1]}
    assert pick(table, "B", "A", slices="<= 1.1 mm") == {"tumors": [0, 0], "patients": [0, 0]}
    assert pick(table, "A", "B", slices="0.5 mm, interpolated") == {"tumors": [3, 3], "patients": [2, 2]}
    assert pick(table, "A", "B", unit="mm", slices="0.5 mm, interpolated") == {}
    empty = table[table["n"] == 0]
    assert empty[["share", "low", "high"]].isna().all(axis=None)


def test_intervals_are_of_patients():
    """Tumors: every resample of the patients. Patients: Wilson's interval by its formula."""
    cases = pd.Series(list("aaaabcde"))
    lost = pd.Series([True, True, True, False, False, True, False, False])
    tumors, patients = count_lost(cases, lost, seed=1)
    assert (tumors["n"], tumors["lost"], tumors["share"]) == (8, 4, 0.5)
    by_case = {case: (lost[cases == case].sum(), (cases == case).sum()) for case in "abcde"}
    draws = [np.sum([by_case[case] for case in chosen], axis=0) for chosen in itertools.product("abcde", repeat=5)]
    expected = np.percentile([gone / count for gone, count in draws], [2.5, 97.5])
    assert [tumors["low"], tumors["high"]] == pytest.approx(expected, abs=0.02)
    assert (patients["n"], patients["lost"], patients["share"]) == (5, 1, 0.2)
    z, n, p = norm.ppf(0.975), 5, 0.2
    middle, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    ends = [(middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)]
    assert [patients["low"], patients["high"]] == pytest.approx(ends)


def test_ranges_and_how_far_they_vary():
    """Every resample of three patients, of whom one has two tumors, which come and go together."""
    ratios = {"x": [1.5, 3.5], "y": [5.0], "z": [2.0]}
    cohort = draw("xxyz", [*itertools.chain(*ratios.values())])
    table = tabulate_ranges({"B": cohort}, (25, 75), seed=1).set_index("ratio_unit")
    row = table.loc["voxel"]
    assert (row["patients"], row["tumors"]) == (3, 4)
    assert (row["low"], row["high"]) == (1.875, 3.875)  # ranks 0.75 and 2.25 of 1.5, 2, 3.5, 5
    for end, percentile in (("low", 25), ("high", 75)):
        draws = [
            np.percentile([*itertools.chain(*(ratios[case] for case in chosen))], percentile)
            for chosen in itertools.product("xyz", repeat=3)
        ]
        expected = np.percentile(draws, [2.5, 97.5], method="inverted_cdf")
        assert [row[f"{end}_low"], row[f"{end}_high"]] == pytest.approx(expected, abs=0.02)
    assert table.loc["mm", ["low", "high", "low_low", "high_high"]].tolist() == [1.5] * 4


def test_an_infinite_ratio_is_lost_and_makes_no_range():
    table = tabulate_transfer({"A": A, "B": draw("xyz", [3.0, 3.5, np.inf])}, (0, 100), seed=1)
    assert pick(table, "A", "B") == {"tumors": [3, 1], "patients": [3, 1]}
    assert pick(table, "B", "A") == {"tumors": [3, 2], "patients": [3, 2]}
    assert tabulate_ranges({"B": draw("xyz", [3.0, 3.5, np.inf])}, (0, 100), seed=1)["tumors"].tolist() == [2, 3]


def test_a_cohort_of_one_patient_is_refused():
    with pytest.raises(UserError, match="B: fewer than 2 patients have a labeled tumor"):
        tabulate_transfer({"A": A, "B": draw("xy", [2.0, np.inf])}, (0, 100), seed=1)
    with pytest.raises(UserError, match="B: fewer than 2 patients have a labeled tumor"):
        tabulate_transfer({"A": A, "B": draw("", []).astype(object)}, (0, 100), seed=1)


def test_the_sentence():
    table = tabulate_transfer({"A": A, "B": B}, (0, 100), seed=1)
    rows = table[(table["range_of"] == "A") & (table["ratio_unit"] == "mm") & (table["slices"] == "all")]
    assert describe_transfer(rows[rows["tumors_of"] == "B"]) == (
        "B, lost to the range of A in mm: 0 of 3 tumors, 0.0% [0.0%, 0.0%]; 0 of 2 patients, 0.0% [0.0%, 65.8%]"
    )
    assert "A, lost to the range of all other patients in mm" in describe_transfer(rows[rows["tumors_of"] == "A"])
