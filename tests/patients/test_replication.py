"""Associations in a second cohort and within each operation, of patients in whom they are known."""

import numpy as np
import pandas as pd
import pytest
from patients.test_associations import make_patients

from kidney_tumor.patients.associations import BASELINE, tabulate_outcomes
from kidney_tumor.patients.replication import (
    compare_operations,
    describe_operations,
    describe_replication,
    replicate_outcomes,
)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr("kidney_tumor.patients.associations.RESAMPLES", 299)


@pytest.mark.slow
def test_verdicts_on_a_second_cohort():
    first = tabulate_outcomes(make_patients(90), seed=1)
    second = make_patients(90, seed=7)
    second["tumor_ml"] = -second["tumor_ml"]  # which turns its associations around
    second["tumor_sphere_mm"] = np.random.default_rng(0).normal(size=90)  # which ends them
    second["tumor_diameter_mm"] = np.nan
    table = replicate_outcomes(first, second, seed=1)
    rows = table.set_index(["outcome", "measure"])
    verdicts = rows.loc["radical_nephrectomy", "verdict"]
    assert verdicts["tumor_axial_mm"] == verdicts[BASELINE] == "replicated"
    assert verdicts["tumor_ml"] == "reversed"
    assert verdicts["tumor_sphere_mm"] == "cannot be told"
    assert verdicts["tumor_diameter_mm"] == ""  # not measured there
    assert rows.loc[("positive_margin", "tumor_axial_mm"), "verdict"] == ""  # not found in the first
    assert (table.loc[table["first_q"] >= 0.05, "verdict"] == "").all()
    same = replicate_outcomes(first, make_patients(90), seed=1)
    assert (same["value"].fillna(-9) == same["first_value"].fillna(-9)).all()
    text, found = describe_replication("other", same), int((first["q"] < 0.05).sum())
    assert text.startswith(f"other: of {found} associations found, {found} are measured there: ")
    assert text.endswith(", 0 reversed")


def test_an_effect_that_turns_around_with_the_operation():
    """Of radical operations the fall grows with the size, of partial ones it shrinks; blood loss is much the same."""
    patients = make_patients(200, seed=3)
    radical = patients["radical_nephrectomy"]
    noise = np.random.default_rng(1).normal(0, 5, 200)
    patients["egfr_fall"] = np.where(radical == 1, 1, -1) * patients["tumor_axial_mm"] + noise
    table = compare_operations(patients, seed=1)
    assert "radical_nephrectomy" not in table["outcome"].tolist()
    row = table.set_index(["outcome", "measure"]).loc[("egfr_fall", "tumor_axial_mm")]
    for name, flag in (("partial", 0), ("radical", 1)):
        group = patients[radical == flag]
        assert row[f"{name}_n"] == len(group)
        assert row[f"{name}_value"] == pytest.approx(group["egfr_fall"].corr(group["tumor_axial_mm"], "spearman"))
    assert row["difference"] == pytest.approx(row["radical_value"] - row["partial_value"])
    assert 1 < row["difference_low"] < row["difference"] < row["difference_high"] < 2
    steady = table.set_index(["outcome", "measure"]).loc[("blood_loss_ml", "tumor_axial_mm")]
    assert abs(steady["difference"]) < 0.5
    assert any(line.startswith("egfr_fall, tumor_axial_mm: spearman -0.9") for line in describe_operations(table))


def test_the_interval_of_a_difference_has_both_variances(monkeypatch):
    """Variances of independent correlations add up (Bonett and Wright, Psychometrika 65, 2000)."""
    monkeypatch.setattr("kidney_tumor.patients.associations.RESAMPLES", 1999)
    patients = make_patients(160, seed=4)
    row = compare_operations(patients, seed=1).set_index(["outcome", "measure"]).loc[("blood_loss_ml", BASELINE)]
    errors = [
        (1 - row[f"{name}_value"] ** 2) * np.sqrt((1 + row[f"{name}_value"] ** 2 / 2) / (row[f"{name}_n"] - 3))
        for name in ("partial", "radical")
    ]
    reach = 1.96 * np.hypot(*errors)
    assert row["difference_high"] - row["difference_low"] == pytest.approx(2 * reach, rel=0.15)


def test_an_operation_without_patients_is_undefined():
    table = compare_operations(make_patients(60).assign(radical_nephrectomy=0.0), seed=1)
    assert table["radical_value"].isna().all()
    assert table["difference"].isna().all()
    assert describe_operations(table) == []
    assert isinstance(table, pd.DataFrame)
