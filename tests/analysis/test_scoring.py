"""Dice by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from conftest import run_script, save

from kidney_tumor.analysis.scoring import compute_dice, score_case
from kidney_tumor.volumes.masks import RunLengthMask


def test_dice_by_hand():
    truth, prediction = np.zeros((2, 2, 3), bool), np.zeros((2, 2, 3), bool)
    truth[0] = True  # 6 voxels
    prediction[:, 0] = True  # 6 voxels, 3 of them true
    assert compute_dice(RunLengthMask.from_mask(truth), RunLengthMask.from_mask(prediction)) == 2 * 3 / 12
    assert compute_dice(RunLengthMask.from_mask(truth), RunLengthMask.from_mask(truth)) == 1
    assert compute_dice(RunLengthMask.from_mask(truth), RunLengthMask.from_mask(~truth)) == 0


def test_empty_masks():
    nothing, something = (
        RunLengthMask.from_mask(np.zeros((1, 2, 2), bool)),
        RunLengthMask.from_mask(np.ones((1, 2, 2), bool)),
    )
    assert math.isnan(compute_dice(nothing, nothing))
    assert compute_dice(nothing, something) == compute_dice(something, nothing) == 0


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
    masks = ((label > 0, label == 2), (kidney > 0, tumor > 0), (segmentation > 0, segmentation == 2))
    rows = score_case("case_00001", *(tuple(map(RunLengthMask.from_mask, pair)) for pair in masks))
    table = pd.DataFrame(rows).set_index(["stage", "target"])
    assert table["dice"].to_dict() == pytest.approx(EXPECTED)
    assert table.loc[("before", "tumor"), "predicted_voxels"] == 6
    assert set(table["label_voxels"]) == {8, 4}


def test_the_script_alone(tmp_path, volumes):
    names = ("label", "kidney", "tumor", "segmentation")
    arguments = ["--case", "case_00001", "--output", tmp_path / "scores.tsv"]
    arguments += ["--output-measures", tmp_path / "measures.tsv"]
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
