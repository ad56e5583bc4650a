"""Dice over the cases, its uncertainty, and the paper's claims beside it."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, merged, run_script

from kits import tables
from kits.analysis import claims
from kits.analysis.statistics import (
    bound_next_mean,
    bound_next_median,
    compare_pairs,
    estimate_interval,
    summarize_values,
)
from kits.analysis.summary import describe_effect, measure_effect, summarize_dice
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


def with_failures(rng, size):
    """Dice of tumors of which 30 % are missed."""
    return np.where(rng.random(size) < 0.3, 0, rng.beta(3, 2, size))


@pytest.mark.parametrize(
    "draw",
    [lambda rng, size: rng.beta(20, 2, size), lambda rng, size: rng.beta(2, 2, size), with_failures],
    ids=["kidneys", "tumors", "tumors with failures"],
)
@pytest.mark.parametrize("cases", [20, 60])
@pytest.mark.parametrize(
    ("bound", "statistic", "least", "most"),
    [(bound_next_mean, np.mean, 0.02, 0.08), (bound_next_median, np.median, 0.01, 0.05)],
    ids=["mean", "median"],
)
def test_two_samples_of_one_population_rarely_differ(draw, cases, bound, statistic, least, most, rng):
    """Pairs of samples differ in 2 to 8 % of all draws by their means, and in 1 to 5 % by their medians."""
    here, paper = draw(rng, (800, cases)), statistic(draw(rng, (800, 20)), axis=1)
    intervals = np.array([bound(values, 20) for values in here])
    false = np.mean((paper < intervals[:, 0]) | (paper > intervals[:, 1]))
    assert least <= false <= most


@pytest.mark.parametrize(("cases", "size"), [(14, 3), (20, 4), (10, 5)])
def test_the_median_of_further_cases_by_every_order_of_two_samples(cases, size):
    """The median of the further cases leaves the interval in at most 5 % of all orders, and a narrower one in more."""

    def outside(rank):
        ends, count = (rank, cases + 1 - rank), 0
        orders = list(itertools.combinations(range(cases + size), size))  # the further cases' places
        for places in orders:
            # The lower end has so many places below it; the same, from above, for the upper end.
            low, high = (np.setdiff1d(range(cases + size), places)[end - 1] for end in ends)
            count += sum(place < low for place in places) * 2 >= size
            count += sum(place > high for place in places) * 2 >= size
        return count / len(orders)

    rank, last = bound_next_median(np.arange(1.0, cases + 1)[::-1], size)
    assert last == cases + 1 - rank
    assert outside(int(rank)) <= 0.05 < outside(int(rank) + 1)


def test_the_mean_of_further_cases_by_the_t_table():
    """Of 1, 2, 3, 4, 5: mean 3, s = 1.5811; t with 4 degrees of freedom is 2.776."""
    half = 2.776 * 1.5811 * math.sqrt(1 / 5 + 1 / 20)
    assert bound_next_mean(np.arange(1.0, 6), 20) == pytest.approx((3 - half, 3 + half), abs=1e-3)


@pytest.mark.parametrize(("bound", "few"), [(bound_next_mean, 1), (bound_next_median, 6)])
def test_too_few_cases_bound_nothing(bound, few):
    for count in range(few + 1):
        assert np.isnan(bound(np.linspace(0, 1, count), 20)).all()
    assert not np.isnan(bound(np.linspace(0, 1, few + 1), 20)).any()


def test_a_sentence_for_every_effect():
    names = ["target", "n", "improved", "worsened", "mean", "mean_low", "mean_high", "wilcoxon_p"]

    def said(*values):
        return describe_effect(pd.Series(dict(zip(names, values, strict=True))))

    start = "Tumor: Dice rose in 4 of 8 cases and fell in 3; mean change +0.020 [-0.050, +0.090], p = 0.47: "
    assert said("tumor", 8, 4, 3, 0.02, -0.05, 0.09, 0.469) == start + "not distinguishable from no effect."
    sure = said("kidney_tumor", 20, 18, 1, 0.0312, 0.012, 0.051, 0.0004)
    assert sure.startswith("Kidney + tumor: Dice rose in 18 of 20 cases and fell in 1; mean change +0.031 [+0.012, ")
    assert sure.endswith("p < 0.001: higher after post-processing.")
    assert said("tumor", 20, 1, 18, -0.03, -0.05, -0.01, 0.0004).endswith(": lower after post-processing.")
    unsure = ": not distinguishable from no effect."
    assert said("tumor", 20, 9, 2, 0.01, 0.0, 0.02, 0.01).endswith(unsure)  # only the test finds something
    assert said("tumor", 4, 4, 0, 0.01, 0.005, 0.02, 0.125).endswith(unsure)  # only the interval does


def test_a_sentence_for_the_effect_of_few_cases():
    """The rows of `measure_effect`; an increase in three cases is no proof."""
    one = measure_effect(scores_of([(0.5, 5, 0.25, 2)]), seed=1).set_index("target", drop=False)
    assert describe_effect(one.loc["tumor"]) == (
        "Tumor: Dice rose in 0 of 1 cases and fell in 1; mean change -0.250: one case shows no effect."
    )
    none = measure_effect(scores_of([(NAN, 0, NAN, 0)]), seed=1).set_index("target", drop=False)
    assert describe_effect(none.loc["tumor"]).startswith("Tumor: Dice is defined in no case")
    three = measure_effect(scores_of([(0.1, 5, 0.3, 5), (0.2, 5, 0.5, 5), (0.4, 5, 0.8, 5)]), seed=1)
    assert describe_effect(three.iloc[1]).endswith(", p = 0.25: not distinguishable from no effect.")
    same = describe_effect(three.iloc[0])
    assert same.endswith("fell in 0; mean change +0.000 [+0.000, +0.000], p = 1: not distinguishable from no effect.")


def test_the_end_of_a_run_says_what_changed(tmp_path):
    found = measure_effect(FIVE, seed=1)
    tables.write_table(tmp_path / "dice.tsv", summarize_dice(FIVE, seed=1))
    tables.write_table(tmp_path / "effect.tsv", found)
    printed = run_script("show_summary", "--run", tmp_path).stdout.splitlines()
    sentences = [line for line in printed if ": Dice rose in " in line]
    assert sentences == [describe_effect(row) for _, row in found.iterrows()]
    assert sentences[1].startswith("Tumor: Dice rose in 1 of 4 cases and fell in 2; mean change +0.025 [")


def checked(source="kits19", cases=210, scores=FIVE, ratios=(1.0651, 2.7514), losses=(3, 1, 2), deviations=()):
    history = [{"epoch": number, "loss": loss} for number, loss in enumerate(losses, 1)]
    split = {f"case_{n:05d}": "test" if n < 20 else "train" for n in range(cases)}
    limits = dict(zip(("low", "high"), ratios, strict=True))
    models = {"kidney": history, "tumor": history}
    dice = summarize_dice(scores, seed=1)
    return claims.check_claims(CLAIMS, dice, scores, [split], limits, models, source, deviations).set_index("claim")


def test_claims_beside_what_is_here():
    table = checked()
    assert table.loc["train cases", ["paper", "here", "verdict"]].tolist() == ["190", "190", "agrees"]
    assert table.loc["test cases", "here"] == "20"
    assert table.loc["accepted ratio, low", "verdict"] == "agrees"  # 1.07 after rounding
    assert table.loc["accepted ratio, high", "verdict"] == "agrees"
    before = table.loc["median Dice, tumor, before"]
    assert before["here"] == "0.3"
    assert (before["low"], before["high"]) == (0, 0.6)
    assert before["verdict"] == claims.TOO_FEW  # four
    assert table.loc["mean Dice, tumor, before", "verdict"] == claims.NOT_STATED
    assert table.loc["mean Dice, kidney_tumor, after", "verdict"] == "differs"  # 1 without spread, not 0.97
    assert table.loc["test cases that lose all tumor detections", "here"] == "1"
    assert checked(ratios=(1.0649, 2.76)).loc["accepted ratio, low", "verdict"] == "differs"  # rounds to 1.06


CONVERGENCE = "epoch of the lowest loss or of the early stop, tumor network"


@pytest.mark.parametrize(
    ("best", "last", "verdict"),
    [
        (2, 3, "differs"),
        (42, 50, "agrees"),
        (34, 44, "agrees"),
        (50, 50, "differs"),
        (45, 46, "agrees"),
        (46, 50, "differs"),
        (39, 49, "differs"),
        (30, 40, "agrees"),
    ],
)
def test_a_network_converges_at_its_lowest_loss_or_where_it_stops(best, last, verdict):
    losses = [*range(100, 100 - best, -1), *[101] * (last - best)]
    found = checked(losses=losses).loc[CONVERGENCE, ["here", "verdict"]].tolist()
    assert found == [f"lowest loss in epoch {best}, last epoch {last}", verdict]


def test_verdicts_allow_for_chance_in_both_samples():
    """20 tumors around 0.5: the paper's 0.61 lies outside the interval of their mean, but 20 others could have it.

    By the t table: s = 0.2, so 20 further cases have a mean within 2.093 * 0.2 * sqrt(1 / 20 + 1 / 20) = 0.132.
    """
    spread = np.repeat([0.2 * math.sqrt(19 / 20), -0.2 * math.sqrt(19 / 20)], 10)
    row = checked(scores=scores_of([(0.5, 5, value, 5) for value in 0.5 + spread])).loc["mean Dice, tumor, after"]
    assert row["high"] < 0.61
    assert row["verdict"] == "compatible"
    for mean, verdict in ((0.474, "compatible"), (0.472, "differs"), (0.746, "compatible"), (0.748, "differs")):
        scores = scores_of([(0.5, 5, value, 5) for value in mean + spread])
        assert checked(scores=scores).loc["mean Dice, tumor, after", "verdict"] == verdict  # 0.61 after rounding


def test_a_real_difference_is_found(rng):
    """Tumors around 0.9, where the paper has a median of 0.49 before and a mean of 0.61 after."""
    for _ in range(20):
        found = checked(scores=scores_of([(dice, 5, dice, 5) for dice in rng.beta(18, 2, 20)]))
        assert found.loc["median Dice, tumor, before", "verdict"] == "differs"
        assert found.loc["mean Dice, tumor, after", "verdict"] == "differs"


def test_undefined_dice_is_no_verdict():
    table = checked(scores=scores_of([(NAN, 0, NAN, 0)] * 20))
    assert table.loc["mean Dice, tumor, after", ["here", "verdict"]].tolist() == ["", "undefined here"]
    one = checked(scores=scores_of([(0.5, 5, 0.5, 5)] + [(NAN, 0, NAN, 0)] * 19))
    assert one.loc["mean Dice, tumor, after", ["here", "verdict"]].tolist() == ["0.5", claims.TOO_FEW]


def test_what_cannot_be_checked_says_so():
    assert set(checked(source="phantom", cases=40)["verdict"]) == {"cannot be checked: 40 phantoms, not KiTS19"}
    assert set(checked(cases=24)["verdict"]) == {"cannot be checked: 24 of 210 cases"}


def test_other_settings_than_the_papers_leave_what_does_not_depend_on_them():
    table = checked(deviations=["training.epochs", "split.test_cases"])
    reason = "cannot be checked: training.epochs, split.test_cases not as in the paper"
    assert table.loc["mean Dice, tumor, after", "verdict"] == reason
    assert table.loc["test cases", "verdict"] == "cannot be checked: split.test_cases not as in the paper"
    assert table.loc["accepted ratio, low", "verdict"] == "agrees"
    narrow = checked(deviations=["postprocess.percentiles"])
    assert narrow.loc["accepted ratio, low", "verdict"].startswith("cannot")
    assert narrow.loc[CONVERGENCE, "verdict"] == "differs"


def test_deviations_from_the_papers_settings():
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
    assert checked(scores=scores).loc[claim, "here"] == "0.6667"


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
