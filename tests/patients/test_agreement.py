"""Agreement of two measurements, against hand-computed values."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kidney_tumor.data.measures import MEASURES
from kidney_tumor.patients.agreement import (
    correlate,
    correlate_within,
    find_limits,
    find_outliers,
    measure_agreement,
    resample,
    tabulate_agreement,
    tabulate_mask_agreement,
)

MEASURED = pd.Series([10.0, 14, 21, 33, 38, 52], list("abcdef"))
REFERENCE = pd.Series([8.0, 15, 20, 30, 40, 50], list("abcdef"))


def test_bias_and_limits_by_hand():
    """The differences are 2, -1, 1, 3, -2 and 2: their mean is 5/6, and they spread with the root of 113/30."""
    result = measure_agreement(MEASURED, REFERENCE, seed=1)
    spread = math.sqrt(113 / 30)
    assert result["n"] == 6
    assert result["bias"] == pytest.approx(5 / 6)
    assert result["lower"] == pytest.approx(5 / 6 - 1.959964 * spread, abs=1e-5)
    assert result["upper"] == pytest.approx(5 / 6 + 1.959964 * spread, abs=1e-5)
    student = 2.570582  # 97.5 % of Student's distribution with 5 degrees of freedom
    assert result["bias_low"] == pytest.approx(5 / 6 - student * spread / math.sqrt(6), abs=1e-5)
    error = student * spread * math.sqrt(1 / 6 + 1.959964**2 / 10)
    assert result["upper_high"] - result["upper"] == pytest.approx(error, abs=1e-5)
    assert result["lower"] - result["lower_low"] == pytest.approx(error, abs=1e-5)


def test_correlations_by_hand():
    result = measure_agreement(MEASURED, REFERENCE, seed=1)
    assert result["pearson"] == pytest.approx(np.corrcoef(MEASURED, REFERENCE)[0, 1])
    # The intraclass correlation from the mean squares of a two-way analysis of variance.
    table = np.stack([MEASURED, REFERENCE], 1)
    cases, raters = table.mean(1), table.mean(0)
    between = 2 * ((cases - table.mean()) ** 2).sum() / 5
    columns = 6 * ((raters - table.mean()) ** 2).sum()
    rest = ((table - cases[:, None] - raters + table.mean()) ** 2).sum() / 5
    expected = (between - rest) / (between + rest + 2 * (columns - rest) / 6)
    assert result["icc"] == pytest.approx(expected, abs=1e-6)


def test_the_intraclass_correlation_of_shrout_and_fleiss():
    """Psychological Bulletin 86, 1979: four judges rate six targets; ICC(2,1) is 0.29."""
    ratings = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    assert round(float(correlate_within(*ratings.T)), 2) == 0.29
    stacked = np.stack([ratings.T, 2 * ratings.T], 1)  # (judges, 2, targets): twice the ratings, the same agreement
    np.testing.assert_allclose(correlate_within(*stacked), correlate_within(*ratings.T))


@pytest.mark.parametrize(("statistic", "true"), [(correlate, 0.9), (correlate_within, 0.9)])
def test_intervals_of_correlations_hold_the_true_value(rng, statistic, true):
    """Cases with variance 9, two raters without bias, errors with variance 1: both correlations are 0.9."""
    held = 0
    for number in range(200):
        cases = rng.normal(0, 3, 60)
        _, low, high = resample(statistic, cases + rng.normal(0, 1, (2, 60)), seed=number)
        held += low <= true <= high
    assert held >= 0.91 * 200


def test_the_bootstrap_is_wider_where_fishers_interval_is_too_narrow(rng):
    """Sizes with a long tail and errors in proportion, as of tumors: Fisher's interval assumes normal values."""
    sizes = np.exp(rng.normal(3.7, 0.7, 200))
    values = np.stack([sizes * np.exp(rng.normal(0, 0.15, 200)), sizes * np.exp(rng.normal(0, 0.15, 200))])
    found, low, high = resample(correlate, values, seed=1)
    fisher = stats.pearsonr(*values).confidence_interval()
    assert found == pytest.approx(stats.pearsonr(*values).statistic)
    assert high - low > 1.1 * (fisher.high - fisher.low)


@pytest.mark.slow
def test_factors_and_gain_by_hand():
    """The measured size is 1.2 times the stated one, with errors of 10 %: limits 1.2 * exp(+-1.96 * 0.1)."""
    rng = np.random.default_rng(4)
    stated = pd.Series(np.exp(rng.normal(3.7, 0.5, 4000)))
    noise = pd.Series(rng.normal(0, 0.1, 4000))
    cases = pd.DataFrame({"tumor_axial_mm": stated * 1.2 * np.exp(noise), "tumor_diameter_mm": stated + 1})
    cases["tumor_sphere_mm"], cases["radiographic_mm"], cases["pathologic_mm"] = (
        cases["tumor_axial_mm"] + 5,
        stated,
        stated,
    )
    table = tabulate_agreement(cases, seed=1).set_index(["measure", "reference"])
    axial = table.loc[("tumor_axial_mm", "radiographic_mm")]
    assert axial["factor"] == pytest.approx(1.2, rel=0.01)
    assert axial["factor_lower"] == pytest.approx(1.2 * np.exp(-0.196), rel=0.01)
    assert axial["factor_upper"] == pytest.approx(1.2 * np.exp(0.196), rel=0.01)
    assert math.isnan(axial["gain"])
    same = table.loc[("tumor_sphere_mm", "radiographic_mm")]
    assert same["gain"] < 0  # a shift changes no correlation, but the agreement
    better = table.loc[("tumor_diameter_mm", "radiographic_mm")]
    assert better["gain"] == pytest.approx(1 - axial["icc"], abs=0.002)
    assert 0 < better["gain_low"] < better["gain"] < better["gain_high"]


def test_so_few_cases_have_a_correlation_but_no_interval():
    """Of 6 cases, one resample in 7,776 holds one case alone."""
    result = measure_agreement(MEASURED, REFERENCE, seed=1)
    assert result["pearson"] > 0.9
    assert math.isnan(result["pearson_low"])


def test_a_constant_shift_lowers_only_the_agreement():
    shifted = measure_agreement(REFERENCE + 20, REFERENCE, seed=1)
    assert shifted["pearson"] == pytest.approx(1)
    assert shifted["icc"] < 0.8
    assert shifted["bias"] == shifted["lower"] == shifted["upper"] == 20


def test_a_missing_value_leaves_its_case_out():
    missing = MEASURED.copy()
    missing["c"] = np.nan
    kept = [name for name in MEASURED.index if name != "c"]
    assert measure_agreement(missing, REFERENCE, 1) == pytest.approx(
        measure_agreement(MEASURED[kept], REFERENCE[kept], 1), nan_ok=True
    )


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_too_few_cases_are_undefined(count):
    result = measure_agreement(MEASURED.head(count), REFERENCE.head(count), seed=1)
    assert result["n"] == count
    assert math.isnan(result["pearson"])
    assert math.isnan(result["bias"]) == (count == 0)
    assert math.isnan(result["upper"]) == (count < 2)


def test_the_interval_holds_the_bias_as_often_as_it_says(rng):
    held = 0
    for _ in range(400):
        _, low, high = find_limits(pd.Series(rng.normal(3, 1, 15)))["bias"]
        held += low <= 3 <= high
    assert stats.binomtest(held, 400, 0.95).pvalue > 0.001


def make_cases():
    rng = np.random.default_rng(0)
    stated = pd.Series(rng.uniform(20, 90, 40), [f"case_{number:05d}" for number in range(40)])
    axial = stated + rng.normal(3, 4, 40)
    axial.iloc[7] *= 0.3
    axial.iloc[30] *= 2
    cases = {"tumor_axial_mm": axial, "tumor_diameter_mm": axial + 5, "tumor_sphere_mm": axial - 5}
    return pd.DataFrame(cases | {"radiographic_mm": stated, "pathologic_mm": stated + rng.normal(0, 3, 40)})


def test_cases_outside_the_limits_are_named_the_farthest_first():
    cases = make_cases()
    agreement = tabulate_agreement(cases, seed=1)
    assert len(agreement) == 6
    outliers = find_outliers(cases, agreement)
    first = outliers[(outliers["measure"] == "tumor_axial_mm") & (outliers["reference"] == "radiographic_mm")]
    assert first["case"].tolist() == ["case_00007", "case_00030"]
    np.testing.assert_allclose(first["factor"], first["measured"] / first["stated"])


def test_masks_against_the_truth_and_the_radiologist():
    cases = make_cases()
    truth = cases.drop(columns=["radiographic_mm", "pathologic_mm"]).reindex(columns=MEASURES, fill_value=20.0)
    after = truth + 2
    after.loc["case_00003"] = np.nan
    stages = {"truth": truth, "before": truth - 1, "after": after}
    morphometry = pd.concat(table.assign(stage=stage) for stage, table in stages.items()).reset_index(names="case")
    table = tabulate_mask_agreement(morphometry, cases[["radiographic_mm", "pathologic_mm"]], seed=1)
    rows = table.set_index(["stage", "measure", "reference"])
    assert rows.loc[("after", "tumor_axial_mm", "truth"), ["n", "missed", "bias"]].tolist() == [39, 1, 2]
    assert rows.loc[("before", "tumor_ml", "truth"), "bias"] == -1
    alone = measure_agreement(cases["tumor_axial_mm"], cases["radiographic_mm"], seed=1)
    assert rows.loc[("truth", "tumor_axial_mm", "radiographic_mm"), "bias"] == alone["bias"]
    alone = tabulate_mask_agreement(morphometry, None, seed=1)
    assert set(alone["reference"]) == {"truth"}
    assert set(alone["measure"]) == set(MEASURES)


def test_a_case_that_one_split_misses_is_missed():
    cases = [f"case_{number:05d}" for number in range(4)]
    found = pd.DataFrame({measure: [10.0, 20, 30, 40] for measure in MEASURES}, cases)
    missed = found.copy()
    missed.loc["case_00002"] = np.nan
    parts = [found.assign(stage="truth"), found.assign(stage="before"), found.assign(stage="after")]
    parts += [found.assign(stage="truth"), found.assign(stage="before"), missed.assign(stage="after")]
    table = tabulate_mask_agreement(pd.concat(parts).reset_index(names="case"), None, seed=1)
    rows = table[table["measure"] == "tumor_axial_mm"].set_index("stage")
    assert rows.loc["after", ["n", "missed"]].tolist() == [3, 1]
    assert rows.loc["before", ["n", "missed"]].tolist() == [4, 0]
