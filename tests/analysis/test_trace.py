"""What the method's own steps cost, on labels where the cost is known."""

import math

import numpy as np
import pandas as pd
import pytest
from conftest import SHARED, run_script, save
from helpers.filters import filter_options
from scipy import ndimage
from skimage.transform import resize

from kidney_tumor.analysis.trace import STEPS, TRIMMED, resize_masks, restore_mask, soften, trace_case
from kidney_tumor.analysis.trace_summary import describe_loss, find_costliest_step, find_worst_cases, summarize_steps
from kidney_tumor.data.restoration import restore
from kidney_tumor.data.slices import resize as resize_slices
from kidney_tumor.files import write_json
from kidney_tumor.filter.constraints import RatioRange
from kidney_tumor.volumes.masks import RunLengthMask

WIDE = (1.0, 1000.0)


@pytest.fixture
def label():
    """(8, 32, 32): a kidney of two parts; a tumor in the lower half, one half above it, and three stray voxels."""
    volume = np.zeros((8, 32, 32), np.uint8)
    volume[1:7, 16:28, 2:14] = 1
    volume[1:7, 12:24, 18:30] = 1
    volume[2:5, 20:25, 4:9] = 2  # 75 voxels, inside the kidney, lower half
    volume[2:5, 12:20, 20:26] = 2  # 144 voxels, half of them above row 16
    volume[7, 30, 0:3] = 2  # 3 voxels in a line, outside the kidney
    return volume


def traced(path, size=32, ratios=WIDE, rows="lower_half", method="nearest", **constraints):
    rows, loss = trace_case(
        "case_00001", path, size, rows, method, RatioRange(*ratios, "voxel"), filter_options(**constraints)
    )
    return pd.DataFrame(rows).set_index(["target", "step"]), loss


def test_each_step_by_hand(tmp_path, label):
    table, loss = traced(save(tmp_path / "label.nii.gz", label))
    tumor = table.loc["tumor"]
    assert tuple(tumor.index) == (*STEPS, TRIMMED)
    total = 75 + 144 + 3
    lower = 75 + 72 + 3
    assert tumor["voxels"].tolist() == [total, lower, lower, lower - 3, lower - 3, lower - 3, lower - 3, lower - 3]
    assert tumor.loc["resize", "dice"] == 1  # 32 x 32 stays as it is
    assert tumor.loc["lower_half", "dice"] == pytest.approx(2 * lower / (total + lower))
    assert tumor.loc["components", "dice"] == pytest.approx(2 * (lower - 3) / (total + lower - 3))
    kidney = table.loc["kidney_tumor"]
    whole = int((label > 0).sum())
    assert kidney.loc["lower_half", "dice"] == 1
    assert kidney.loc["components", "dice"] == pytest.approx(2 * (whole - 3) / (2 * whole - 3))
    assert loss.number == 2  # the first of the slices that lose most: 24 of the second tumor
    assert ((loss.truth == 2) & (loss.left != 2)).sum() == 24
    assert loss.aspect == 1


def test_ratio_and_overlap_take_what_they_should(tmp_path, label):
    path = save(tmp_path / "label.nii.gz", label)
    none = traced(path, ratios=(50.0, 60.0))[0].loc["tumor"]
    assert none["voxels"].tolist()[3:] == [147, 0, 0, 0, 0]
    assert none.loc["merge", "dice"] == 0
    label[1:7, 12:24, 18:30][label[1:7, 12:24, 18:30] == 1] = 0  # the second tumor without its kidney
    label[2:5, 19:26, 3:10][label[2:5, 19:26, 3:10] == 0] = 1
    path = save(tmp_path / "apart.nii.gz", label)
    apart = traced(path, kidney_components=1)[0].loc["tumor"]
    assert apart["voxels"].tolist()[4:] == [147, 75, 75, 75]


def test_resizing_is_scikit_images(tmp_path, rng):
    """72 x 56 to 32 x 32 and back: the masks that the networks would have to draw, resized by another library."""
    label = (rng.random((3, 9, 7)) < 0.5).repeat(8, 1).repeat(8, 2).astype(np.uint8)
    label[:, 1:-1:3] *= 2
    table, _ = traced(save(tmp_path / "label.nii.gz", label))
    small = [resize(s, (32, 32), order=0, anti_aliasing=False) for s in (label > 0).astype(float)]
    back = np.stack([resize(s, (72, 56), order=0) for s in small]) > 0
    expected = 2 * (back & (label > 0)).sum() / (back.sum() + (label > 0).sum())
    assert table.loc[("kidney_tumor", "resize"), "dice"] == pytest.approx(expected)
    assert expected < 1


def cases(*finals):
    """Cases whose tumor falls from 1 to a Dice at the step `ratio`; label voxels; voxels left."""
    rows = []
    for number, (dice, voxels, left) in enumerate(finals):
        for target in ("kidney_tumor", "tumor"):
            for place, step in enumerate((*STEPS, TRIMMED)):
                after = target == "tumor" and place >= STEPS.index("ratio")
                rows.append((f"case_{number}", target, step, dice if after else 1.0, voxels, left if after else voxels))
    return pd.DataFrame(rows, columns=["case", "target", "step", "dice", "label_voxels", "voxels"])


def test_summary_by_hand():
    table = cases((0.0, 10, 0), (0.5, 10, 5), (1.0, 10, 10), (float("nan"), 0, 0))
    summary = summarize_steps(table, seed=1).set_index(["target", "step"])
    ratio = summary.loc[("tumor", "ratio")]
    assert (ratio["n"], ratio["emptied"]) == (3, 1)  # a case without a tumor counts for nothing
    assert (ratio["mean"], ratio["median"], ratio["cost"]) == (0.5, 0.5, 0.5)
    assert summary.loc[("tumor", "merge"), ["cost", "emptied"]].tolist() == [0, 0]
    assert summary.loc["kidney_tumor"]["cost"].sum() == 0
    kidney, tumor = describe_loss(summary.reset_index())
    assert kidney.startswith("true masks after all steps: mean Dice of kidney + tumor 1.000 [")
    assert tumor.endswith("], n = 3; emptied cases: 1")


def test_the_worst_cases():
    table = cases((0.5, 10, 5), (0.0, 10, 0), (0.0, 99, 0), (1.0, 5, 5), (float("nan"), 0, 0))
    assert find_worst_cases(table) == ["case_2", "case_1", "case_0"]
    assert find_worst_cases(cases((1.0, 5, 5))) == ["case_0"]


def test_the_costliest_step():
    tumor = pd.DataFrame({"step": STEPS, "dice": [0.9, 0.4, 0.5, 0.5, 0.0, 0.0, 0.0]})  # both 0.5: the first
    assert find_costliest_step(tumor.sample(frac=1, random_state=1)) == ("lower_half", 0.9, 0.4)
    assert find_costliest_step(tumor.assign(dice=[0.5, *[0.2] * 6])) == ("resize", 1.0, 0.5)


def test_the_scripts_alone(tmp_path, label):
    write_json(tmp_path / "range.json", {"low": 1.0, "high": 9.0})
    for case in ("case_00001", "case_00002"):
        save(tmp_path / case / "segmentation.nii.gz", label)
    trace, slices = tmp_path / "trace.tsv", tmp_path / "trace.npz"
    result = run_script(
        "trace_labels", "--root", tmp_path, "--cases", "case_00001", "case_00002",
        "--ratio-range", tmp_path / "range.json", "--size", 32, "--slices", slices, "--output", trace,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    outputs = [tmp_path / name for name in ("summary.tsv", "steps.png", "cases.png")]
    options = ("--output", "--figure", "--figure-cases")
    result = run_script(
        "summarize_traces",
        "--trace", trace, "--slices", slices,
        *(word for pair in zip(options, outputs, strict=True) for word in pair),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    table = pd.read_csv(trace, sep="\t")
    assert table.columns[:4].tolist() == ["case", "target", "step", "dice"]
    assert len(table) == 2 * 2 * (len(STEPS) + 1)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in outputs[1:])


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "kits19-labels").is_dir(), reason="no kits19-labels beside the repository")
def test_real_labels_without_images(project):
    """Full-size labels through the label-only target; the first step recomputed with scikit-image."""
    root = SHARED / "kits19-labels"
    config = {"run": "labels", "data": {"root": str(root), "cases": [5, 42, 199]}, "split": {"test_cases": 1}}
    result = project.snakemake(config, "summarize_traces")
    assert result.returncode == 0, result.stdout
    table = pd.read_csv(project.folder / "results/labels/trace.tsv", sep="\t")
    assert sorted(table["case"].unique()) == ["case_00005", "case_00042", "case_00199"]
    assert [list(group) for _, group in table.groupby(["case", "target"])["step"]] == [[*STEPS, TRIMMED]] * 6
    half = table.set_index(["case", "target", "step"])["dice"].xs("tumor", level="target").unstack()
    assert half.loc["case_00199", "resize"] > 0.95
    assert half.loc["case_00199", "lower_half"] < 0.9  # much of its tumor lies in the upper half
    assert (project.folder / "results/labels/figures/trace.png").exists()


def test_a_softened_mask_is_unsure_at_edges_only(rng):
    """Its probabilities say what the mask says, of a corner and a single pixel too; `nearest` needs none."""
    mask = np.zeros((2, 40, 40), bool)
    mask[1, 8:30, 10:25] = mask[1, 35, 35] = True
    np.testing.assert_array_equal(soften(mask, "nearest"), mask)
    soft = soften(mask, "linear")
    np.testing.assert_array_equal(soft > 0.5, mask)
    assert not soft[0].any()
    assert soft[1, 20, 17] == pytest.approx(1, abs=2e-4)
    # The edge's first pixel: the share of a Gaussian of 0.7 pixels within half a pixel before it and all behind it.
    assert soft[1, 20, 10] == pytest.approx(0.5 + 0.5 * math.erf(0.5 / 0.7 / math.sqrt(2)), abs=0.03)


def test_a_straight_edge_is_not_moved_by_interpolation():
    """Of 20 rows and 40 columns, sampled from every second voxel: the voxels at both ends lie exactly between."""
    mask = np.zeros((1, 64, 64), bool)
    mask[0, 10:30, 10:50] = True
    restored = restore(soften(mask, "linear"), 64, (1, 128, 128), "linear", 0.5)
    assert restored.any((0, 2)).sum() == 41  # of 20 sampled rows, the 19 between, and those before and after
    assert restored.any((0, 1)).sum() == 81


def test_interpolation_brings_back_a_disc_better_than_the_nearest_pixel(tmp_path):
    rows, columns = np.mgrid[:64, :64]
    label = (np.hypot(rows - 40.3, columns - 30.7) < 17).astype(np.uint8)[None].repeat(3, 0)
    path = save(tmp_path / "label.nii.gz", label)
    dices = [traced(path, method=method)[0].loc[("kidney_tumor", "resize"), "dice"] for method in ("nearest", "linear")]
    assert dices[0] < dices[1] < 1


@pytest.mark.parametrize("share", [0, 0.01, 0.3])
def test_the_blur_is_that_of_each_whole_slice(rng, share):
    """At the border, too, where the blur reflects."""
    mask = rng.random((4, 17, 20)) < share
    mask[2] = False
    blurred = np.stack([ndimage.gaussian_filter(part.astype(np.float32), 0.7) for part in mask])
    expected = np.where(mask, np.maximum(blurred, 0.5) + np.float32(1e-4), blurred)
    np.testing.assert_array_equal(soften(mask, "linear"), expected)


@pytest.mark.parametrize("method", ["nearest", "linear"])
@pytest.mark.parametrize("share", [0, 0.02, 0.4])
def test_masks_are_restored_and_resized_as_whole_volumes(rng, method, share):
    mask = rng.random((5, 12, 12)) < share
    mask[[0, 4]] = False
    expected = restore(soften(mask, method), 12, (5, 30, 25), method, 0.5)
    whole = restore_mask(mask, 12, (5, 30, 25), method)
    np.testing.assert_array_equal(whole.to_volume(), expected.view(bool))
    part = RunLengthMask.from_mask(whole.to_volume() & (rng.random((5, 30, 25)) < 0.5))
    label = whole.to_volume().astype(np.uint8) + part.to_volume()
    np.testing.assert_array_equal(resize_masks((whole, part), 12), resize_slices(label, 12, 12))
