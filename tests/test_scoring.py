"""Dice by hand, and the summary."""

import math

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, run_script, save

from kits.scoring import dice, score, summarize

PAPER = pd.read_csv(ROOT / "workflow" / "resources" / "paper_dice.tsv", sep="\t")


def test_dice_by_hand():
    truth, prediction = np.zeros((2, 2, 3), bool), np.zeros((2, 2, 3), bool)
    truth[0] = True  # 6 voxels
    prediction[:, 0] = True  # 6 voxels, 3 of them true
    assert dice(truth, prediction) == 2 * 3 / 12
    assert dice(truth, truth) == 1
    assert dice(truth, ~truth) == 0


def test_empty_masks():
    nothing, something = np.zeros((1, 2, 2), bool), np.ones((1, 2, 2), bool)
    assert math.isnan(dice(nothing, nothing))
    assert dice(nothing, something) == dice(something, nothing) == 0


@pytest.fixture
def volumes():
    """Truth: 4 kidney and 4 tumor voxels. Raw kidney: 6 of the 8 and 2 others. Raw tumor: 2 of 4 and 4 others."""
    label = np.array([[[1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0, 0]]], np.uint8)
    kidney = np.array([[[1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0]]], np.uint8)
    tumor = np.array([[[1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1]]], np.uint8)
    segmentation = np.array([[[1, 1, 1, 1, 2, 2, 0, 0, 0, 0, 0, 0]]], np.uint8)
    return label, kidney, tumor, segmentation


EXPECTED = {
    ("before", "kidney_tumor"): 2 * 6 / (8 + 8),
    ("before", "tumor"): 2 * 2 / (4 + 6),
    ("after", "kidney_tumor"): 2 * 6 / (8 + 6),
    ("after", "tumor"): 2 * 2 / (4 + 2),
}


def test_a_case_by_hand(volumes):
    label, kidney, tumor, segmentation = volumes
    table = score("case_00001", label, kidney > 0, tumor > 0, segmentation).set_index(["stage", "target"])
    assert table["dice"].to_dict() == pytest.approx(EXPECTED)
    assert table.loc[("before", "tumor"), "predicted_voxels"] == 6
    assert set(table["label_voxels"]) == {8, 4}


def test_the_script_alone(tmp_path, volumes):
    names = ("label", "kidney", "tumor", "segmentation")
    arguments = ["--case", "case_00001", "--output", tmp_path / "scores.tsv"]
    for name, volume in zip(names, volumes, strict=True):
        arguments += [f"--{name}", save(tmp_path / f"{name}.nii.gz", volume)]
    assert run_script("score", *arguments).returncode == 0
    table = pd.read_csv(tmp_path / "scores.tsv", sep="\t")
    assert table.columns[:4].tolist() == ["case", "stage", "target", "dice"]
    assert table.set_index(["stage", "target"])["dice"].to_dict() == pytest.approx(EXPECTED, abs=1e-6)
    other = save(tmp_path / "other.nii.gz", np.zeros((1, 1, 3), np.uint8))
    result = run_script("score", *arguments, "--segmentation", other)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "other.nii.gz has shape (1, 1, 3)" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def scores_of(cases):
    """Rows of (before dice, before voxels, after dice, after voxels) of the tumor; kidneys are perfect."""
    rows = []
    for number, (before, before_voxels, after, after_voxels) in enumerate(cases):
        for stage, value, voxels in (("before", before, before_voxels), ("after", after, after_voxels)):
            rows.append((f"case_{number:05d}", stage, "kidney_tumor", 1.0, 9, 9))
            rows.append((f"case_{number:05d}", stage, "tumor", value, 9, voxels))
    return pd.DataFrame(rows, columns=["case", "stage", "target", "dice", "label_voxels", "predicted_voxels"])


def test_summary_by_hand():
    nan = float("nan")
    scores = scores_of([(0.2, 5, 0.0, 0), (0.4, 5, 0.8, 3), (nan, 0, nan, 0), (0.6, 5, 0.5, 5), (0.0, 0, 0.0, 0)])
    summary = summarize(scores, PAPER).set_index(["stage", "target"])
    before, after = summary.loc[("before", "tumor")], summary.loc[("after", "tumor")]
    assert (before["n"], before["undefined"], before["emptied"]) == (4, 1, 0)
    assert before["mean"] == pytest.approx(0.3)
    assert before["median"] == pytest.approx(0.3)
    assert before["q1"] == pytest.approx(0.15)  # of 0, 0.2, 0.4, 0.6
    assert before["q3"] == pytest.approx(0.45)
    assert after["emptied"] == 1  # case 4 was empty before
    assert after["mean"] == pytest.approx(1.3 / 4)
    assert before["paper_median"] == 0.49
    assert math.isnan(before["paper_mean"])
    assert after["paper_mean"] == 0.61
    assert summary.loc[("before", "kidney_tumor"), "paper_median"] == 0.91
    assert summary.loc[("after", "kidney_tumor"), "paper_mean"] == 0.97


def test_summary_of_one_case():
    summary = summarize(scores_of([(0.5, 5, 0.25, 2)]), PAPER)
    assert summary["n"].tolist() == [1, 1, 1, 1]
    assert summary["median"].tolist() == [1, 0.5, 1, 0.25]
