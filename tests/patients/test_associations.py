"""Associations with outcomes, against brute force, DeLong's variance and a shuffled record."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kidney_tumor.data.measures import MEASURES
from kidney_tumor.data.record import BINARY, CONTINUOUS
from kidney_tumor.patients.associations import (
    BASELINE,
    compute_auc,
    correct_p_values,
    judge_gain,
    measure_association,
    tabulate_outcomes,
)


def make_patients(count=90, seed=0):
    """Patients whose tumor size goes with some of the outcomes; the other measures and outcomes are noise."""
    rng = np.random.default_rng(seed)
    size = rng.lognormal(np.log(40), 0.5, count)
    patients = pd.DataFrame({measure: rng.normal(size=count) for measure in MEASURES})
    for measure in ("tumor_axial_mm", "tumor_diameter_mm", "tumor_sphere_mm", "tumor_ml"):
        patients[measure] = size + rng.normal(0, 2, count)
    patients["exophytic_share"] = rng.uniform(0, 1, count).round(1)  # with ties
    patients[BASELINE] = size + rng.normal(0, 15, count)
    for outcome in BINARY:
        patients[outcome] = (rng.random(count) < 0.3).astype(float)
    patients["radical_nephrectomy"] = (size + rng.normal(0, 10, count) > 50).astype(float)
    for outcome in CONTINUOUS:
        patients[outcome] = rng.normal(size=count)
    patients["blood_loss_ml"] = -size + rng.normal(0, 30, count)
    patients.loc[rng.random(count) < 0.2, "necrosis"] = np.nan
    patients["survival_days"] = rng.exponential(1000 * np.exp(-(size - 40) / 20))
    patients["died"] = (rng.random(count) < 0.4).astype(float)
    return patients


@pytest.fixture(scope="module")
def patients():
    return make_patients()


@pytest.fixture(scope="module")
def table(patients):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kidney_tumor.patients.associations.RESAMPLES", 499)  # for speed; the tests below bear it
        return tabulate_outcomes(patients, seed=1).set_index(["outcome", "measure"])


@pytest.fixture
def few_resamples(monkeypatch):
    """Where intervals do not matter, for speed."""
    monkeypatch.setattr("kidney_tumor.patients.associations.RESAMPLES", 99)


def compare(positive, negative):
    """Compare all pairs of a patient with the outcome and one without: 1 where the first is larger, 0.5 if equal."""
    difference = positive.to_numpy()[:, None] - negative.to_numpy()
    return (difference > 0) + 0.5 * (difference == 0)


@pytest.mark.parametrize("measure", ["tumor_axial_mm", "exophytic_share", BASELINE])
@pytest.mark.parametrize("outcome", ["radical_nephrectomy", "necrosis"])
def test_areas_are_shares_of_pairs_and_their_intervals_delongs(patients, table, outcome, measure):
    known = patients[[measure, outcome]].dropna()
    pairs = compare(known.loc[known[outcome] == 1, measure], known.loc[known[outcome] == 0, measure])
    row = table.loc[(outcome, measure)]
    assert row["value"] == pytest.approx(pairs.mean())
    assert (row["n"], row["events"]) == (len(known), known[outcome].sum())
    # DeLong et al., Biometrics 44, 1988.
    error = np.sqrt(pairs.mean(1).var(ddof=1) / len(pairs) + pairs.mean(0).var(ddof=1) / pairs.shape[1])
    assert row["low"] == pytest.approx(pairs.mean() - 1.96 * error, abs=0.025)
    assert row["high"] == pytest.approx(pairs.mean() + 1.96 * error, abs=0.025)


def test_the_gain_over_the_radiologist_is_paired(patients, table):
    """DeLong's variance of the difference of two areas, with their covariance."""
    outcome, measure = "radical_nephrectomy", "tumor_axial_mm"
    with_it, without = (patients[patients[outcome] == flag] for flag in (1, 0))
    pairs = [compare(with_it[name], without[name]) for name in (measure, BASELINE)]
    difference = pairs[0] - pairs[1]
    error = np.sqrt(
        difference.mean(1).var(ddof=1) / len(difference) + difference.mean(0).var(ddof=1) / difference.shape[1]
    )
    row = table.loc[(outcome, measure)]
    assert row["gain"] == pytest.approx(difference.mean())
    assert row["gain_low"] == pytest.approx(difference.mean() - 1.96 * error, abs=0.025)
    assert row["gain_high"] == pytest.approx(difference.mean() + 1.96 * error, abs=0.025)
    assert np.isnan(table.loc[(outcome, BASELINE), "gain"])


def test_rank_correlations_and_their_intervals(patients, table):
    row = table.loc[("blood_loss_ml", "tumor_axial_mm")]
    ranks = patients[["blood_loss_ml", "tumor_axial_mm"]].rank()
    expected = np.corrcoef(ranks.T)[0, 1]
    assert row["value"] == pytest.approx(expected)
    assert expected < 0
    # Bonett and Wright, Psychometrika 65, 2000.
    reach = 1.96 * np.sqrt((1 + expected**2 / 2) / (len(patients) - 3))
    assert row["low"] == pytest.approx(np.tanh(np.arctanh(expected) - reach), abs=0.03)
    assert row["high"] == pytest.approx(np.tanh(np.arctanh(expected) + reach), abs=0.03)
    # Both associations are inverse; the stronger one gains, in its own direction.
    baseline = table.loc[("blood_loss_ml", BASELINE), "value"]
    assert row["gain"] == pytest.approx(abs(expected) - abs(baseline))


def test_an_inverse_measure_gains_nothing(patients, few_resamples):
    """A measure that is the baseline with the other sign is as strong as it, in its own direction."""
    patients = patients.assign(renal_e=-patients[BASELINE])
    rows = tabulate_outcomes(patients, seed=1).set_index(["outcome", "measure"])
    for outcome in ("radical_nephrectomy", "blood_loss_ml"):
        assert rows.loc[(outcome, "renal_e"), ["gain", "gain_low", "gain_high"]].tolist() == pytest.approx([0, 0, 0])


def test_the_false_discovery_rate_by_hand():
    """Benjamini and Hochberg 1995: p times the number of tests over its rank, made monotone from the largest down."""
    p = pd.Series([0.01, np.nan, 0.04, 0.03, 0.5])
    assert correct_p_values(p).tolist() == pytest.approx([0.04, np.nan, 0.16 / 3, 0.16 / 3, 0.5], nan_ok=True)
    assert correct_p_values(pd.Series([np.nan])).isna().all()


def test_the_whole_table_is_corrected_together(table):
    known = table.dropna(subset="p").sort_values("p", kind="stable")
    raw = known["p"].to_numpy() * len(known) / np.arange(1, len(known) + 1)
    np.testing.assert_allclose(known["q"], np.minimum.accumulate(raw[::-1])[::-1].clip(max=1))
    assert len(table) == 14 * 12
    found = table[table["q"] < 0.05].index
    assert ("radical_nephrectomy", "tumor_axial_mm") in found
    assert ("blood_loss_ml", "tumor_axial_mm") in found


def test_deaths_have_the_c_index_and_its_interval(patients, table):
    """Against pairs one by one, and the jackknife."""
    days, died, size = (patients[column].to_numpy() for column in ("survival_days", "died", "tumor_axial_mm"))

    def compute(kept):
        order = died[kept][:, None] * (days[kept][:, None] < days[kept])
        return (order * (size[kept][:, None] > size[kept])).sum() / order.sum()

    row, count = table.loc[("death", "tumor_axial_mm")], len(patients)
    everyone = np.arange(count)
    assert row["value"] == pytest.approx(compute(everyone))
    assert (row["n"], row["events"], row["statistic"]) == (count, died.sum(), "c_index")
    left_out = np.array([compute(np.delete(everyone, number)) for number in everyone])
    reach = 1.96 * np.sqrt((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum())
    assert row["low"] == pytest.approx(row["value"] - reach, abs=0.03)
    assert row["high"] == pytest.approx(row["value"] + reach, abs=0.03)
    assert row["q"] < 0.05


def test_verdicts_beside_the_radiologist(table):
    assert [judge_gain(*ends, 0.05) for ends in ((-0.049, 0.049), (0.01, 0.06), (-0.2, -0.01), (-0.06, 0.01))] == [
        "equivalent", "better", "worse", "cannot be told"
    ]  # fmt: skip
    assert judge_gain(0.01, 0.04, 0.05) == "equivalent"  # it differs by less than matters
    assert judge_gain(np.nan, np.nan, 0.05) == ""
    rows = table.drop(BASELINE, level="measure")
    margin = rows["statistic"].map({"auc": 0.05, "c_index": 0.05, "spearman": 0.1})
    inside = (rows["gain_low"] > -margin) & (rows["gain_high"] < margin)
    assert ((rows["verdict"] == "equivalent") == inside).all()
    assert (rows.loc[rows["gain_high"] < -margin, "verdict"] == "worse").all()
    assert table.xs(BASELINE, level="measure")["verdict"].isna().all()


def test_areas_of_many_resamples_at_once(rng):
    values = rng.integers(0, 5, (4, 3, 12)).astype(float)
    areas = compute_auc(values, 5)
    for index in np.ndindex(4, 3):
        pairs = compare(pd.Series(values[index][:5]), pd.Series(values[index][5:]))
        assert areas[index] == pytest.approx(pairs.mean())


def test_other_patients_with_a_missing_outcome_and_a_rare_one(few_resamples):
    patients = make_patients(30, seed=5)
    patients["egfr_fall"] = np.nan
    patients["transfusion"] = 0.0
    patients.loc[3, "transfusion"] = 1.0
    patients["positive_margin"] = np.nan
    table = tabulate_outcomes(patients, seed=1).set_index(["outcome", "measure"])
    for outcome, count in (("egfr_fall", 0), ("positive_margin", 0), ("transfusion", 30)):
        rows = table.loc[outcome]
        assert (rows["n"] == count).all()
        assert rows[["value", "low", "high", "p", "q", "gain"]].isna().all(axis=None)
    assert table.loc[("radical_nephrectomy", "tumor_axial_mm"), "q"] < 0.05


@pytest.mark.slow
def test_a_shuffled_record_finds_nothing_beyond_chance():
    """Among 1,000 shuffles, the share with any discovery, all false, is at most the nominal 5 %, within its error.

    Their p values are computed at once, and those of the first shuffles one by one as well.
    """
    patients, rng = make_patients(60), np.random.default_rng(2)
    measures = [BASELINE, *MEASURES]
    outcomes = ["radical_nephrectomy", "malignant", "complication", "blood_loss_ml", "hospital_days"]
    shuffled = patients[outcomes].to_numpy()[np.array([rng.permutation(60) for _ in range(1000)])]
    p = np.empty((1000, len(measures), len(outcomes)))
    for row, measure in enumerate(measures):
        values = np.tile(patients[measure], (1000, 1))
        for column, name in enumerate(outcomes):
            outcome = shuffled[..., column]
            if name in BINARY:
                groups = [values[outcome == side].reshape(1000, -1) for side in (1, 0)]
                p[:, row, column] = stats.mannwhitneyu(*groups, axis=1).pvalue
            else:
                ranks = [stats.rankdata(each, axis=1) for each in (values, outcome)]
                p[:, row, column] = stats.pearsonr(*ranks, axis=1).pvalue
    for number in range(10):
        record = pd.DataFrame(shuffled[number], columns=outcomes)
        one_by_one = [
            [measure_association(record.join(patients[measure]), measure, name)[1] for name in outcomes]
            for measure in measures
        ]
        np.testing.assert_allclose(one_by_one, p[number], rtol=1e-9)
    discoveries = sum(bool((correct_p_values(pd.Series(each.ravel())) < 0.05).any()) for each in p)
    assert stats.binomtest(discoveries, 1000, 0.05, "greater").pvalue > 0.001
    assert discoveries > 5
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.01)
