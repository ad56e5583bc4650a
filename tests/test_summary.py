"""Dice over the cases, its uncertainty, and the paper's claims beside it."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, merged

from kits import tables
from kits.analysis import claims
from kits.analysis.statistics import compare_pairs, estimate_interval, summarize_values
from kits.analysis.summary import measure_effect, summarize_dice
from kits.cli import UserError
from kits.configuration import list_deviations

CLAIMS = pd.read_csv(ROOT / "workflow" / "resources" / "paper_claims.tsv", sep="\t", dtype=str)


def scores_of(cases):
    """Rows of (before dice, before voxels, after dice, after voxels) of the tumor; kidneys are perfect."""
    rows = []
    for number, (before, before_voxels, after, after_voxels) in enumerate(cases):
        for stage, value, voxels in (("before", before, before_voxels), ("after", after, after_voxels)):
            rows.append((f"case_{number:05d}", stage, "kidney_tumor", 1.0, 9, 9))
            rows.append((f"case_{number:05d}", stage, "tumor", value, 9, voxels))
    return pd.DataFrame(rows, columns=["case", "stage", "target", "dice", "label_voxels", "predicted_voxels"])


NAN = float("nan")
FIVE = scores_of([(0.2, 5, 0.0, 0), (0.4, 5, 0.8, 3), (NAN, 0, NAN, 0), (0.6, 5, 0.5, 5), (0.0, 0, 0.0, 0)])


def test_summary_by_hand():
    summary = summarize_dice(FIVE, seed=1).set_index(["stage", "target"])
    before, after = summary.loc[("before", "tumor")], summary.loc[("after", "tumor")]
    assert (before["n"], before["undefined"], before["emptied"]) == (4, 1, 0)
    assert before["mean"] == pytest.approx(0.3)
    assert before["median"] == pytest.approx(0.3)
    assert before["q1"] == pytest.approx(0.15)  # of 0, 0.2, 0.4, 0.6
    assert before["q3"] == pytest.approx(0.45)
    assert 0 <= before["mean_low"] < before["mean"] < before["mean_high"] <= 0.6
    assert after["emptied"] == 1  # case 4 was empty before
    assert after["mean"] == pytest.approx(1.3 / 4)
    perfect = summary.loc[("after", "kidney_tumor")]
    assert (perfect["mean_low"], perfect["median_high"]) == (1, 1)


def test_one_case_has_no_interval():
    summary = summarize_dice(scores_of([(0.5, 5, 0.25, 2)]), seed=1)
    assert summary["n"].tolist() == [1, 1, 1, 1]
    assert summary["median"].tolist() == [1, 0.5, 1, 0.25]
    assert summary[["mean_low", "mean_high", "median_low", "median_high"]].isna().all(axis=None)


def test_a_case_of_several_splits_counts_once():
    """Case 0 is tested twice, with 0.2 and 0.4; case 1 once, with 0.9."""
    first, second = scores_of([(0.2, 5, 0.2, 5), (0.9, 5, 0.9, 5)]), scores_of([(0.4, 5, 0.0, 0)])
    scores = pd.concat([first.assign(split=1), second.assign(split=2)])
    row = summarize_dice(scores, seed=1).set_index(["stage", "target"]).loc["before", "tumor"]
    assert row["n"] == 2
    assert row["mean"] == pytest.approx((0.3 + 0.9) / 2)
    assert summarize_dice(scores, seed=1).set_index(["stage", "target"]).loc[("after", "tumor"), "emptied"] == 1
    assert measure_effect(scores, seed=1).set_index("target").loc["tumor", "mean"] == pytest.approx((0.1 - 0.3) / 2)


def signed_rank(differences):
    """The two-sided p of the signed-rank test: every assignment of signs, ties sharing their ranks."""
    differences = np.array([d for d in differences if d])
    ranks = pd.Series(abs(differences)).rank().to_numpy()
    half = ranks.sum() / 2
    seen = abs(ranks[differences > 0].sum() - half)
    signs = itertools.product((0, 1), repeat=len(ranks))
    return np.mean([abs(np.dot(sign, ranks) - half) >= seen - 1e-9 for sign in signs])


@pytest.mark.parametrize(
    "differences",
    [
        [0.1, 0.2, 0.3, 0.4, 0.5],  # 2 / 2 ** 5
        [0.1, -0.2, 0.35, 0.4, 0.5, -0.05, 0.6],
        [0.1, 0.1, 0.1, 0.1, 0.1, 0.1],  # constant
        [0.5, -0.25],
        [0.3],
    ],
)
def test_the_test_is_every_assignment_of_signs(differences):
    before = pd.Series(np.zeros(len(differences)))
    result = compare_pairs(before, before + differences, seed=1)
    assert result["wilcoxon_p"] == pytest.approx(signed_rank(differences))
    assert result["mean"] == pytest.approx(np.mean(differences))
    assert result["median"] == pytest.approx(np.median(differences))
    assert (result["improved"], result["worsened"]) == (sum(np.array(differences) > 0), sum(np.array(differences) < 0))


def test_equal_changes_are_ties_wherever_they_start():
    """0.3 - 0.2 and 0.9 - 0.8 differ in the last bit; as ranks they are the same."""
    before = pd.Series([0.2, 0.8, 0.5, 0.1, 0.6, 0.3, 0.9])
    differences = np.array([0.1, 0.1, -0.1, 0.1, 0.1, 0.1, -0.1])
    assert len(set((before + differences).round(6) - before)) > 2
    result = compare_pairs(before, (before + differences).round(6), seed=1)
    assert result["wilcoxon_p"] == pytest.approx(signed_rank(differences))


@pytest.mark.parametrize("value", [0.785786, 0.1, 0.333333, 0.91])
@pytest.mark.parametrize("count", [3, 20, 21])
def test_an_interval_holds_its_own_mean(value, count):
    found = summarize_values(pd.Series([value] * count), seed=1)
    assert found["mean_low"] <= found["mean"] <= found["mean_high"]
    assert found["mean_low"] == pytest.approx(value)


def test_two_differences_in_five():
    assert signed_rank([1, 2, 3, 4, 5]) == 2 / 2**5


def test_no_difference_is_no_effect():
    same = pd.Series([0.5, 0.6, 0.7])
    result = compare_pairs(same, same, seed=1)
    assert (result["unchanged"], result["wilcoxon_p"]) == (3, 1)
    assert (result["mean"], result["mean_low"], result["mean_high"]) == (0, 0, 0)


def test_a_constant_difference_has_no_width():
    before = pd.Series([0.25, 0.5, 0.125])
    result = compare_pairs(before, before + 0.25, seed=1)
    assert (result["mean_low"], result["mean_high"], result["median_low"]) == (0.25, 0.25, 0.25)


def test_one_case_and_none_claim_nothing():
    one = compare_pairs(pd.Series([0.2]), pd.Series([0.9]), seed=1)
    assert one["wilcoxon_p"] == 1
    assert math.isnan(one["mean_low"])
    none = compare_pairs(pd.Series([NAN]), pd.Series([0.9]), seed=1)
    assert none["n"] == 0
    assert math.isnan(none["wilcoxon_p"])
    assert math.isnan(none["mean"])


def test_the_interval_is_that_of_every_resample():
    """Of three values there are 27 resamples, each as likely: their percentiles are known."""
    values = np.array([0.1, 0.4, 1.0])
    means = np.array([np.mean(sample) for sample in itertools.product(values, repeat=3)])
    low, high = estimate_interval(values, np.mean, seed=1)
    assert low == pytest.approx(np.sort(means)[0])  # 1 of 27 is more than 2.5 %
    assert high == pytest.approx(np.sort(means)[-1])
    assert estimate_interval(values, np.median, seed=1) == (0.1, 1.0)
    skewed = np.random.default_rng(3).random(30) ** 3
    assert estimate_interval(skewed, np.mean, seed=1) == estimate_interval(skewed, np.mean, seed=1)
    width = np.diff(estimate_interval(skewed, np.mean, seed=1))[0]
    assert width == pytest.approx(2 * 1.96 * skewed.std() / np.sqrt(30), rel=0.1)  # central limit theorem


def checked(source="kits19", cases=210, scores=FIVE, ratios=(1.0651, 2.7514), losses=(3, 1, 2), departures=()):
    history = [{"epoch": number, "loss": loss} for number, loss in enumerate(losses, 1)]
    split = {f"case_{n:05d}": "test" if n < 20 else "train" for n in range(cases)}
    limits = dict(zip(("low", "high"), ratios, strict=True))
    models = {"kidney": history, "tumor": history}
    dice = summarize_dice(scores, seed=1)
    return claims.check_claims(CLAIMS, dice, scores, [split], limits, models, source, departures).set_index("claim")


def test_claims_beside_what_is_here():
    table = checked()
    assert table.loc["train cases", ["paper", "here", "verdict"]].tolist() == ["190", 190, "agrees"]
    assert table.loc["test cases", "here"] == 20
    assert table.loc["accepted ratio, low", "verdict"] == "agrees"  # 1.07 after rounding
    assert table.loc["accepted ratio, high", "verdict"] == "agrees"
    before = table.loc["median Dice, tumor, before"]
    assert before["here"] == pytest.approx(0.3)
    assert before["low"] <= 0.49 <= before["high"]
    assert before["verdict"] == "agrees"
    assert table.loc["mean Dice, tumor, before", "verdict"] == claims.NOT_STATED
    assert table.loc["mean Dice, kidney_tumor, after", "verdict"] == "differs"  # 1 without spread, not 0.97
    assert table.loc["test cases that lose all tumor detections", "here"] == 1
    assert table.loc["epoch of the lowest loss, tumor network", ["here", "verdict"]].tolist() == [2, "differs"]
    assert checked(ratios=(1.0649, 2.76)).loc["accepted ratio, low", "verdict"] == "differs"  # rounds to 1.06
    losses = range(100, 58, -1)
    assert checked(losses=losses).loc["epoch of the lowest loss, tumor network", "verdict"] == "agrees"


def test_what_cannot_be_checked_says_so():
    assert set(checked(source="phantom", cases=40)["verdict"]) == {"cannot be checked: 40 phantoms, not KiTS19"}
    assert set(checked(cases=24)["verdict"]) == {"cannot be checked: 24 of 210 cases"}


def test_other_settings_than_the_papers_leave_what_does_not_depend_on_them():
    table = checked(departures=["training.epochs", "split.test_cases"])
    reason = "cannot be checked: training.epochs, split.test_cases not as in the paper"
    assert table.loc["mean Dice, tumor, after", "verdict"] == reason
    assert table.loc["test cases", "verdict"] == "cannot be checked: split.test_cases not as in the paper"
    assert table.loc["accepted ratio, low", "verdict"] == "agrees"
    narrow = checked(departures=["postprocess.percentiles"])
    assert narrow.loc["accepted ratio, low", "verdict"].startswith("cannot")
    assert narrow.loc["epoch of the lowest loss, tumor network", "verdict"] == "differs"


def test_departures_from_the_papers_settings():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    stated = ROOT / "workflow" / "resources" / "paper_values.yaml"
    assert list_deviations(config, stated) == []
    changed = merged(config, training={"epochs": 3, "batch_size": 2}, postprocess={"percentiles": [1, 99]})
    assert list_deviations(changed, stated) == ["training.epochs", "postprocess.percentiles"]


def test_kidneys_that_lose_false_voxels():
    """Of three cases with false voxels before, two lose some; the fourth has none, the fifth is undefined."""
    rows = []
    for number, (true, before, after) in enumerate([(8, 4, 0), (8, 4, 2), (8, 4, 4), (8, 0, 0), (0, 0, 0)]):
        for stage, false in (("before", before), ("after", after)):
            for target in ("kidney_tumor", "tumor"):
                size = 2 * true + false
                dice = 2 * true / size if size else NAN
                rows.append((f"case_{number:05d}", stage, target, dice, true, true + false))
    scores = pd.DataFrame(rows, columns=FIVE.columns)
    claim = "share of test cases with false kidney voxels that lose some"
    assert checked(scores=scores).loc[claim, "here"] == pytest.approx(2 / 3)


def test_every_dice_of_the_paper_is_a_claim():
    """Section 3 gives two medians before and two means after; the table has both for both."""
    stated = CLAIMS.set_index("claim")["paper"]
    assert stated["median Dice, kidney_tumor, before"] == "0.91"
    assert stated["median Dice, tumor, before"] == "0.49"
    assert stated["mean Dice, kidney_tumor, after"] == "0.97"
    assert stated["mean Dice, tumor, after"] == "0.61"
    assert sum("Dice, " in claim for claim in CLAIMS["claim"]) == 8


def test_tables_of_splits(tmp_path):
    for split in (1, 2):
        tables.write_table(tmp_path / f"split_{split}" / "x.tsv", pd.DataFrame({"case": ["a"], "dice": [split / 3]}))
    pooled = tables.read_tables([tmp_path / f"split_{split}" / "x.tsv" for split in (1, 2)])
    assert pooled.to_dict("list") == {"split": [1, 2], "case": ["a", "a"], "dice": [0.333333, 0.666667]}
    (tmp_path / "empty.tsv").touch()
    with pytest.raises(UserError, match=r"empty\.tsv is not a table"):
        tables.read_tables([tmp_path / "empty.tsv"])
