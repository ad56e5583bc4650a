"""Dice over the cases, its uncertainty, and the paper's claims beside it."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from conftest import run_script
from helpers.scored import FIVE, NAN, scores_of

from kidney_tumor import tables
from kidney_tumor.analysis.statistics import (
    bound_next_mean,
    bound_next_median,
    bound_p,
    compare_pairs,
    count_needed,
    estimate_interval,
    summarize_values,
)
from kidney_tumor.analysis.summary import describe_effect, measure_effect, summarize_dice
from kidney_tumor.errors import UserError


def test_summary_by_hand():
    summary = summarize_dice(FIVE, seed=1).set_index(["stage", "target"])
    before, after = summary.loc[("before", "tumor")], summary.loc[("after", "tumor")]
    assert (before["n"], before["undefined"], before["emptied"], before["found"]) == (4, 1, 0, 3)
    assert before["mean"] == pytest.approx(0.3)
    assert before["median"] == pytest.approx(0.3)
    assert before["q1"] == pytest.approx(0.15)  # of 0, 0.2, 0.4, 0.6
    assert before["q3"] == pytest.approx(0.45)
    assert 0 <= before["mean_low"] < before["mean"] < before["mean_high"] <= 1
    assert after["emptied"] == 1  # case 4 was empty before
    assert after["mean"] == pytest.approx(1.3 / 4)
    perfect = summary.loc[("after", "kidney_tumor")]
    assert perfect["mean_low"] == pytest.approx(0.025 ** (1 / 5), abs=0.01)  # as of 5 successes in 5 (Clopper-Pearson)
    assert (perfect["mean_high"], perfect["median_high"]) == (pytest.approx(1), 1)


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
        found = {"found_before": values[1], "found_after": values[1]}
        return describe_effect(pd.Series(dict(zip(names, values, strict=True)) | found))

    start = "Tumor: Dice rose in 4 of 8 cases and fell in 3; mean change +0.020 [-0.050, +0.090], p = 0.47: "
    assert said("tumor", 8, 4, 3, 0.02, -0.05, 0.09, 0.469) == start + "not distinguishable from no effect."
    sure = said("kidney_tumor", 20, 18, 1, 0.0312, 0.012, 0.051, 0.0004)
    assert sure.startswith("Kidney + tumor: Dice rose in 18 of 20 cases and fell in 1; mean change +0.031 [+0.012, ")
    assert sure.endswith("p < 0.001: higher after post-processing.")
    assert said("tumor", 20, 1, 18, -0.03, -0.05, -0.01, 0.0004).endswith(": lower after post-processing.")
    unsure = ": not distinguishable from no effect."
    assert said("tumor", 20, 9, 2, 0.01, 0.0, 0.02, 0.01).endswith(unsure)  # only the test finds something
    assert said("tumor", 8, 5, 1, 0.01, 0.005, 0.02, 0.0625).endswith(unsure)  # only the interval does


def test_a_sentence_for_the_effect_of_few_cases():
    """The rows of `measure_effect`; an increase in three cases is no proof."""
    one = measure_effect(scores_of([(0.5, 5, 0.25, 2)]), seed=1).set_index("target", drop=False)
    assert describe_effect(one.loc["tumor"]) == (
        "Tumor: Dice rose in 0 of 1 cases and fell in 1; mean change -0.250: one case shows no effect."
    )
    none = measure_effect(scores_of([(NAN, 0, NAN, 0)]), seed=1).set_index("target", drop=False)
    assert describe_effect(none.loc["tumor"]).startswith("Tumor: Dice is defined in no case")
    three = measure_effect(scores_of([(0.1, 5, 0.3, 5), (0.2, 5, 0.5, 5), (0.4, 5, 0.8, 5)]), seed=1)
    assert describe_effect(three.iloc[1]).endswith(", p = 0.25: too few cases for this test, which needs 6.")
    same = describe_effect(three.iloc[0])
    assert same.endswith("mean change +0.000 [+0.000, +0.000], p = 1: too few cases for this test, which needs 6.")
    risen = [(0.1 + step / 100, 5, 0.3 + step / 50, 5) for step in range(6)]
    for count, verdict in ((5, "too few cases for this test, which needs 6."), (6, "higher after post-processing.")):
        assert describe_effect(measure_effect(scores_of(risen[:count]), seed=1).iloc[1]).endswith(verdict)


@pytest.mark.parametrize("count", range(1, 9))
def test_the_smallest_p_is_that_of_equal_signs(count):
    assert bound_p(count) == pytest.approx(signed_rank(np.arange(1, count + 1)))
    assert (bound_p(count) < 0.05) == (count >= count_needed())


def test_that_nothing_was_found_comes_first():
    def said(*pairs):
        scores = scores_of([(before, 5 * (before > 0), after, 5 * (after > 0)) for before, after in pairs])
        return describe_effect(measure_effect(scores, seed=1).iloc[1])

    assert said(*[(0, 0)] * 5) == (
        "Tumor: nothing was found, Dice is 0 in all 5 cases, before and after post-processing."
    )
    assert said((0, 0)) == "Tumor: nothing was found, Dice is 0 in the only case, before and after post-processing."
    assert said(*[(0.01, 0)] * 2, *[(0, 0)] * 5).startswith(
        "Tumor: nothing was found, Dice is 0 in all 7 cases after post-processing; before, it was above 0 in 2. "
        "Dice rose in 0 of 7 cases and fell in 2; mean change -0.003 ["
    )
    assert said(*[(0, 0.5)] * 7).startswith(
        "Tumor: nothing was found before post-processing, Dice is 0 in all 7 cases. "
    )
    assert said(*[(0, 0)] * 6, (0.5, 0.4)).startswith("Tumor: Dice rose in 0 of 7 cases and fell in 1; ")


def test_the_end_of_a_run_says_what_changed(tmp_path):
    found = measure_effect(FIVE, seed=1)
    tables.write_table(tmp_path / "dice.tsv", summarize_dice(FIVE, seed=1))
    tables.write_table(tmp_path / "effect.tsv", found)
    printed = run_script("show_summary", "--run", tmp_path).stdout.splitlines()
    sentences = [line for line in printed if "Dice rose in " in line]
    assert sentences == [describe_effect(row) for _, row in found.iterrows()]
    assert sentences[1].startswith("Tumor: Dice rose in 1 of 4 cases and fell in 2; mean change +0.025 [")


def test_tables_of_splits(tmp_path):
    for split in (1, 2):
        tables.write_table(tmp_path / f"split_{split}" / "x.tsv", pd.DataFrame({"case": ["a"], "dice": [split / 3]}))
    pooled = tables.read_tables([tmp_path / f"split_{split}" / "x.tsv" for split in (1, 2)])
    assert pooled.to_dict("list") == {"split": [1, 2], "case": ["a", "a"], "dice": [0.333333, 0.666667]}
    (tmp_path / "empty.tsv").touch()
    with pytest.raises(UserError, match=r"empty\.tsv is not a table"):
        tables.read_tables([tmp_path / "empty.tsv"])


def test_cases_without_a_change_do_not_help_the_signed_rank_test():
    """It leaves them out: of ten cases, five that all improve cannot give p < 0.05, six can."""
    for improved, verdict in ((5, "too few cases changed for this test, which needs 6."), (6, "higher after")):
        before = pd.Series(np.full(10, 0.4))
        after = before + np.where(np.arange(10) < improved, np.linspace(0.3, 0.5, 10), 0)
        row = {"target": "tumor", "found_before": 10, "found_after": 10} | compare_pairs(before, after, 0)
        assert verdict in describe_effect(row)
