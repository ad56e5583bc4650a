"""Dice by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from conftest import run_script, save

from kits.runs import Runs
from kits.scoring import dice, dice_of_runs, score


def test_dice_by_hand():
    truth, prediction = np.zeros((2, 2, 3), bool), np.zeros((2, 2, 3), bool)
    truth[0] = True  # 6 voxels
    prediction[:, 0] = True  # 6 voxels, 3 of them true
    assert dice(truth, prediction) == 2 * 3 / 12
    assert dice(truth, truth) == 1
    assert dice(truth, ~truth) == 0


def test_dice_of_runs_is_dice(rng):
    for density in (0, 0.1, 0.5, 1):
        truth, prediction = rng.random((2, 5, 6, 7)) < density
        expected = dice(truth, prediction)
        assert dice_of_runs(Runs.of(truth), Runs.of(prediction)) == pytest.approx(expected, nan_ok=True)


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
