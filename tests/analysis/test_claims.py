"""The paper's claims beside what a run gives."""

import math
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, merged
from helpers.scored import FIVE, NAN, scores_of

from kidney_tumor.analysis import claims
from kidney_tumor.analysis.summary import summarize_dice
from kidney_tumor.configuration import list_deviations
from kidney_tumor.schema import list_keys

CLAIMS = pd.read_csv(ROOT / "workflow" / "resources" / "paper_claims.tsv", sep="\t", dtype=str)


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
    assert row["high"] < 0.62
    assert row["verdict"] == "compatible, as 0.37 to 0.63 would be"
    for mean, verdict in ((0.474, "compatible"), (0.472, "differs"), (0.746, "compatible"), (0.748, "differs")):
        scores = scores_of([(0.5, 5, value, 5) for value in mean + spread])
        found = checked(scores=scores).loc["mean Dice, tumor, after", "verdict"]
        assert found.startswith(verdict)  # 0.61 after rounding


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
    assert list_deviations(config) == []
    changed = merged(config, training={"epochs": 3, "batch_size": 2}, postprocess={"percentiles": [1, 99]})
    assert list_deviations(changed) == ["training.epochs", "postprocess.percentiles"]
    changed = merged(
        config, training={"augmentation": "standard", "validation_cases": 9}, postprocess={"percentiles": None}
    )
    deviations = list_deviations(changed)
    assert set(deviations) == {"training.augmentation", "training.validation_cases", "postprocess.percentiles"}
    table = checked(deviations=deviations)
    assert table.loc["test cases", "verdict"] == "agrees"
    for claim in ("train cases", "accepted ratio, high", "mean Dice, tumor, after", CONVERGENCE):
        assert table.loc[claim, "verdict"].startswith("cannot be checked"), claim


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


def test_every_value_that_the_paper_states_counts_as_a_deviation():
    """The keys that config/README.md takes from a section of the paper, or from what it does not name."""
    rows = re.findall(
        r"^\| `([a-z_]+\.[a-z_]+)` \| [^|]* \| (.*) \|$", (ROOT / "config/README.md").read_text(), re.MULTILINE
    )
    sourced = re.compile(r"\b(section \d|equation \d|[Tt]he paper (names|measures))")
    stated = {key for key, text in rows if sourced.search(text.partition("paper silent")[0])}
    listed = {name for name, key in list_keys().items() if key.get("paper")}
    # `data.exclude` shows in the number of cases, and the fraction is read without a number of test cases only.
    assert stated - {"data.exclude", "split.test_fraction"} <= listed
    assert {"postprocess.ratio_cases", "training.epochs"} <= stated
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    train = merged(config, postprocess={"ratio_cases": "train"})
    assert list_deviations(train) == ["postprocess.ratio_cases"]
    verdicts = checked(deviations=["postprocess.ratio_cases"])["verdict"]
    for claim in ("accepted ratio, low", "accepted ratio, high", "mean Dice, tumor, after"):
        assert verdicts[claim] == "cannot be checked: postprocess.ratio_cases not as in the paper"
    assert verdicts["test cases"] == "agrees"
