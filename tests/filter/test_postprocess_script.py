"""The script postprocess on files: its options, what it says, and what it writes."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import AFFINE, run_script, save
from helpers.filters import box, merge, postprocess, run

from kidney_tumor.files import write_json
from kidney_tumor.volumes.labels import read_label


def test_ends_are_included_through_the_files_too(tmp_path):
    """Every labeled tumor passes a range from the 0th to the 100th percentile of the labels."""
    label = np.ones((12, 30, 40), np.uint8)
    label[1:4, 2:9, 3:8] = label[6:11, 2:4, 20:37] = label[5:9, 15:26, 2:9] = 2
    label[7, 20, 5] = 1
    save(tmp_path / "case_00000" / "segmentation.nii.gz", label)
    save(tmp_path / "k.nii.gz", np.ones_like(label))
    save(tmp_path / "t.nii.gz", (label == 2).astype(np.uint8))
    run("measure_tumors", "--root", ".", "--cases", "case_00000", "--output", "c.tsv", cwd=tmp_path)
    run("ratio_range", "--components", "c.tsv", "--percentiles", 0, 100, "--output", "r.json", cwd=tmp_path)
    files = ["--kidney", "k.nii.gz", "--tumor", "t.nii.gz", "--ratio-range", "r.json", "--output", "s.nii.gz"]
    assert "3 of 3 tumor components kept" in run("postprocess", *files, cwd=tmp_path)
    low_high = json.loads((tmp_path / "r.json").read_text())
    run("ratio_range", "--components", "c.tsv", "--percentiles", 5, 95, "--output", "r.json", cwd=tmp_path)
    narrower = json.loads((tmp_path / "r.json").read_text())
    assert low_high["low"] < narrower["low"] < narrower["high"] < low_high["high"]
    output = run("postprocess", *files, cwd=tmp_path)
    assert "1 of 3 tumor components kept" in output
    assert output.count("100.0% inside the kidney mask: removed") == 2


def test_the_script_alone_has_the_papers_values(tmp_path, kidneys):
    left, right, stray = kidneys
    tumor = box(left.shape, (4, 8), (22, 28), (7, 13))
    save(tmp_path / "k.nii.gz", (left | right | stray).astype(np.uint8))
    save(tmp_path / "t.nii.gz", (tumor | stray).astype(np.uint8))
    write_json(tmp_path / "r.json", {"low": 1.0, "high": 2.8})
    files = ["--kidney", "k.nii.gz", "--tumor", "t.nii.gz", "--ratio-range", "r.json", "--output", "s.nii.gz"]
    result = run_script("postprocess", *files, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(read_label(tmp_path / "s.nii.gz"), merge(left | right, tumor))
    help_text = " ".join(run_script("postprocess", "--help").stdout.split())
    for default in ("(default: 2)", "(default: 10)", "(default: 0.95)"):
        assert default in help_text


def test_without_a_range_it_says_so(tmp_path, kidneys):
    left, right, _ = kidneys
    save(tmp_path / "k.nii.gz", (left | right).astype(np.uint8))
    save(tmp_path / "t.nii.gz", np.zeros(left.shape, np.uint8))
    write_json(tmp_path / "r.json", {"low": 1.0, "high": 2.8})
    files = ["--kidney", "k.nii.gz", "--tumor", "t.nii.gz", "--output", "s.nii.gz"]
    said = "s.nii.gz: no tumor is removed for its shape, since no range of eigenvalue ratios is given\n"
    assert said in run("postprocess", *files, "--candidates", "c.tsv", cwd=tmp_path)
    assert "for its shape" not in run("postprocess", *files, "--ratio-range", "r.json", cwd=tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"kidney_components": 3},
        {"min_component_voxels": 300},
        {"tumor_kidney_overlap": 0.2},
    ],
)
def test_each_option_of_the_script_has_its_effect(tmp_path, kidneys, options):
    left, right, stray = kidneys
    tumor = box(left.shape, (4, 8), (22, 28), (7, 13)) | box(left.shape, (4, 8), (22, 28), (30, 39))
    tumor[5:7, 24:26, 9:11] = False
    save(tmp_path / "k.nii.gz", (left | right | stray).astype(np.uint8))
    save(tmp_path / "t.nii.gz", tumor.astype(np.uint8))
    write_json(tmp_path / "r.json", {"low": 1.0, "high": 9.0})
    files = ["--kidney", "k.nii.gz", "--tumor", "t.nii.gz", "--ratio-range", "r.json", "--output", "s.nii.gz"]
    words = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", value)]
    run("postprocess", *files, *words, cwd=tmp_path)
    expected = postprocess(left | right | stray, tumor, (1.0, 9.0), **options).segmentation
    np.testing.assert_array_equal(read_label(tmp_path / "s.nii.gz"), expected)
    assert (expected != postprocess(left | right | stray, tumor, (1.0, 9.0)).segmentation).any()


def test_a_range_without_its_ends_is_one_line(tmp_path):
    save(tmp_path / "k.nii.gz", np.ones((2, 3, 4), np.uint8))
    write_json(tmp_path / "r.json", {"low": 1.0})
    arguments = ["--kidney", "k.nii.gz", "--tumor", "k.nii.gz", "--ratio-range", "r.json", "--output", "s.nii.gz"]
    result = run_script("postprocess", *arguments, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (
        1,
        "error: r.json lacks high; `rm r.json` and run the same snakemake command again\n",
    )


def test_output_has_the_inputs_affine(tmp_path):
    save(tmp_path / "k.nii.gz", np.ones((2, 3, 4), np.uint8))
    write_json(tmp_path / "r.json", {"low": 1.0, "high": 2.8})
    arguments = ["--kidney", "k.nii.gz", "--tumor", "k.nii.gz", "--ratio-range", "r.json", "--output", "s.nii.gz"]
    assert run_script("postprocess", *arguments, cwd=tmp_path).returncode == 0
    np.testing.assert_array_equal(nib.load(tmp_path / "s.nii.gz").affine, AFFINE)


def test_each_candidate_has_its_verdict(tmp_path):
    """Three tumors: a cube in the kidney, a cube half outside it, and a pair of voxels; the largest comes first."""
    kidney, tumor = box((12, 30, 30), (1, 11), (2, 12), (2, 12)), np.zeros((12, 30, 30), bool)
    tumor[2:4, 3:6, 3:6] = True
    tumor[5:9, 10:14, 4:8] = True
    tumor[10, 10, 2:4] = True
    save(tmp_path / "k.nii.gz", kidney.astype(np.uint8))
    save(tmp_path / "t.nii.gz", tumor.astype(np.uint8))
    write_json(tmp_path / "r.json", {"low": 1.0, "high": 2.8})
    files = ["--kidney", "k.nii.gz", "--tumor", "t.nii.gz", "--ratio-range", "r.json", "--output", "s.nii.gz"]
    run("postprocess", *files, "--candidates", "c.tsv", cwd=tmp_path)
    table = pd.read_csv(tmp_path / "c.tsv", sep="\t", dtype=str)
    voxel = 3 * 0.75 * 0.75 / 1000
    assert table[["component", "voxels", "ml", "slice", "row", "column"]].to_numpy().tolist() == [
        ["3", "64", f"{64 * voxel:.3f}", "6.5", "11.5", "5.5"],
        ["2", "18", f"{18 * voxel:.3f}", "2.5", "4.0", "4.0"],
        ["1", "2", f"{2 * voxel:.3f}", "10.0", "10.0", "2.5"],
    ]
    assert table["ratio"].tolist() == ["1.000", "1.000", "inf"]  # the two longest sides are equal, or one is alone
    assert table[["inside", "verdict"]].to_numpy().tolist() == [
        ["0.500", "removed: too little inside the kidney mask"],
        ["1.000", "kept"],
        ["1.000", "removed: too small, ratio out of range"],
    ]


def test_the_script_without_ratio_keeps_every_shape(tmp_path, kidneys):
    left, right, _ = kidneys
    rod = box(left.shape, (4, 6), (28, 30), (26, 34))
    save(tmp_path / "kidney.nii.gz", (left | right).astype(np.uint8))
    save(tmp_path / "tumor.nii.gz", rod.astype(np.uint8))
    write_json(tmp_path / "range.json", {"low": 1.0, "high": 2.8})
    words = ["--kidney", "kidney.nii.gz", "--tumor", "tumor.nii.gz"]
    run("postprocess", *words, "--output", "case.nii.gz", cwd=tmp_path)
    assert (read_label(tmp_path / "case.nii.gz") == 2).sum() == 32
    words += ["--ratio-range", "range.json"]
    run("postprocess", *words, "--output", "case.nii.gz", cwd=tmp_path)
    assert (read_label(tmp_path / "case.nii.gz") == 2).sum() == 0
    (tmp_path / "components.tsv").write_text("case\tratio_voxel\ncase_00000\t1.5\n")
    run("ratio_range", "--components", "components.tsv", "--no-percentiles", "--output", "range.json", cwd=tmp_path)
    run("postprocess", *words, "--output", "case.nii.gz", cwd=tmp_path)
    assert (read_label(tmp_path / "case.nii.gz") == 2).sum() == 32
    write_json(tmp_path / "range.json", {"low": 1.0, "high": 2.8})
    words += ["--keep-best", "--output", "case.nii.gz"]
    assert "kept: none passes, and this is nearest" in run("postprocess", *words, cwd=tmp_path)
    said = run("postprocess", *words, "--candidates", "list.tsv", cwd=tmp_path)
    assert said.splitlines() == ["case.nii.gz: 2 of 2 kidney components kept, 1 of 1 tumor components kept"]
    assert (read_label(tmp_path / "case.nii.gz") == 2).sum() == 32
    assert "kept: none passes, and this is nearest" in (tmp_path / "list.tsv").read_text()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"low": 2.8, "high": 1.07}', "low is 2.8 and high 1.07; expected the smaller number as low"),
        ('{"low": NaN, "high": 2.8}', "low is NaN; expected a number"),
        ('{"low": 1.07, "high": Infinity}', "high is Infinity; expected a number"),
        ('{"low": 1.07, "high": "2.8"}', 'high is "2.8"; expected a number'),
        ('{"low": null, "high": 2.8}', "low is null; expected a number"),
        ('{"low": true, "high": 2.8}', "low is true; expected a number"),
        ('{"low": [1.07], "high": 2.8}', "low is [1.07]; expected a number"),
        ('{"low": -1, "high": 2.8}', "low is -1; expected a number"),
        ('{"low": 1, "high": 1' + 400 * "0" + "}", "high is 1000"),
        ('{"low": 1.07, "high": 2.8, "unit": "cm"}', 'unit is "cm"; expected voxel or mm'),
        ('{"low": 1.07, "high": 2.8, "unit": null}', "unit is null; expected voxel or mm"),
        ('{"low": 0.2, "high": 0.8}', "high is 0.8, but every ratio is 1 or more"),
    ],
)
def test_a_range_that_is_none_is_one_line(tmp_path, content, says):
    save(tmp_path / "k.nii.gz", np.ones((2, 3, 4), np.uint8))
    (tmp_path / "r.json").write_text(content)
    arguments = ["--kidney", "k.nii.gz", "--tumor", "k.nii.gz", "--ratio-range", "r.json", "--output", "s.nii.gz"]
    result = run_script("postprocess", *arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: r.json: {says}")
    assert result.stderr.endswith('{"low": 1.07, "high": 2.8, "unit": "voxel"}\n')
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "s.nii.gz").exists()
    write_json(tmp_path / "r.json", {"low": 0, "high": 1})  # what only round components pass
    assert run_script("postprocess", *arguments, cwd=tmp_path).returncode == 0


def test_swapped_masks_are_named(tmp_path, kidneys):
    left, right, _ = kidneys
    tumor = box(left.shape, (4, 8), (22, 28), (7, 13))
    outside = tumor | box(left.shape, (0, 2), (0, 10), (0, 5))  # and something else that a network has marked
    masks = {"k": left | right, "t": tumor, "o": outside}
    for name, mask in masks.items():
        save(tmp_path / f"{name}.nii.gz", mask.astype(np.uint8))
    write_json(tmp_path / "r.json", {"low": 1.0, "high": 2.8})
    sizes = {name: mask.sum() for name, mask in masks.items()}
    pairs = (
        ("k", "t", False),
        ("k", "o", False),
        ("t", "k", True),
        ("o", "k", True),
        ("k", "k", True),
        ("t", "t", True),
    )
    for kidney, mask, warned in pairs:
        files = ["--kidney", f"{kidney}.nii.gz", "--tumor", f"{mask}.nii.gz", "--ratio-range", "r.json"]
        said = run("postprocess", *files, "--output", "s.nii.gz", cwd=tmp_path)
        warning = (
            f"warning: s.nii.gz: the kidney mask ({sizes[kidney]} voxels) is mostly in the tumor mask ({sizes[mask]}); "
            "--kidney is that of kidney and tumor together, --tumor that of the tumor: are they swapped, or the same?"
        )
        assert (warning in said.splitlines()) == warned
    apart = box(left.shape, (0, 2), (0, 40), (0, 40))  # a larger tumor mask elsewhere: bad, but not swapped
    save(tmp_path / "t.nii.gz", apart.astype(np.uint8))
    save(tmp_path / "k.nii.gz", tumor.astype(np.uint8))
    files = ["--kidney", "k.nii.gz", "--tumor", "t.nii.gz", "--ratio-range", "r.json", "--output", "s.nii.gz"]
    assert "warning: s.nii.gz: no voxel of the tumor mask lies in the kidney mask;" in run(
        "postprocess", *files, cwd=tmp_path
    )


def test_the_listing_shows_what_is_kept(tmp_path):
    """Seven rods of a wrong shape, and behind them two smaller cubes that are kept, and one speck that is not."""
    tumor = np.zeros((12, 60, 60), bool)
    for number in range(7):
        tumor[1:3, 2 + 5 * number, 2:40] = True
    tumor[6:9, 4:7, 4:7] = tumor[6:9, 14:17, 4:7] = tumor[6, 30, 30] = True
    save(tmp_path / "k.nii.gz", np.ones(tumor.shape, np.uint8))
    save(tmp_path / "t.nii.gz", tumor.astype(np.uint8))
    write_json(tmp_path / "r.json", {"low": 1.0, "high": 2.8})
    files = ["--kidney", "k.nii.gz", "--tumor", "t.nii.gz", "--ratio-range", "r.json", "--output", "s.nii.gz"]
    lines = run("postprocess", *files, cwd=tmp_path).splitlines()
    assert "s.nii.gz: 1 of 1 kidney components kept, 2 of 10 tumor components kept" in lines
    listed = [line for line in lines if ": tumor of " in line]
    assert [line.endswith(": kept") for line in listed] == [False] * 5 + [True] * 2
    assert lines[-1] == "s.nii.gz: 3 smaller tumor components: removed"
