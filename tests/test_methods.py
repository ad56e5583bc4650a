"""Other methods as they are named, found and scored by the workflow: their folders, labels and reruns."""

import os
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import RESULTS, ROOT, TINY, errors, list_jobs, merged, refused, save, turn

from kidney_tumor import configuration
from kidney_tumor.cli import UserError
from kidney_tumor.data import methods

PAPER = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
NAN = float("nan")


@pytest.mark.parametrize(
    "name",
    [
        "segmentations/case_00012.nii.gz",
        "case_00012.nii.gz",
        "case_00012.nii",
        "case_00012/segmentation.nii.gz",
        "prediction_00012.nii.gz",
    ],
)
def test_a_case_is_found_in_each_form(tmp_path, name):
    for path in (tmp_path / name, tmp_path / name.replace("12", "13")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert methods.find_segmentations(tmp_path, "case_00012") == ((str(tmp_path / name),), "")


def test_every_split_counts_and_what_is_missing_or_doubtful_is_said(tmp_path):
    for number in (1, 3):
        save(tmp_path / f"split_{number}" / "segmentations" / "case_00012.nii.gz", np.zeros((2, 2, 2), np.uint8))
    found, problem = methods.find_segmentations(tmp_path, "case_00012")
    assert [path.removeprefix(f"{tmp_path}/") for path in found] == [
        "split_1/segmentations/case_00012.nii.gz",
        "split_3/segmentations/case_00012.nii.gz",
    ]
    assert problem == ""
    found, problem = methods.find_segmentations(tmp_path, "case_00013")
    assert found == ()
    assert problem.startswith(f"no segmentation in {tmp_path}; looked for segmentations/case_00013.nii.gz, ")
    for name in ("case_00014.nii", "prediction_00014.nii.gz"):
        (tmp_path / name).touch()
    found, problem = methods.find_segmentations(tmp_path, "case_00014")
    assert found == ()
    assert problem.endswith(f"{tmp_path}/case_00014.nii and {tmp_path}/prediction_00014.nii.gz; keep one")


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"kits19": "folder"}, r"compare.kits19 has the name of this run"),
        ({"a b": "folder"}, r"compare: 'a b' does not match .*expected a name of letters, digits"),
        ({"../up": "folder"}, r"compare: '../up'"),
        ({"split_2": "folder"}, r"compare: 'split_2'"),
        ({7: "folder"}, r"compare: 7 is not of type 'string'"),
        ({"a": 7}, r"compare.a: 7 is not of type 'string', 'object'; expected a folder"),
        ({"a": {"kidney": [1]}}, r"compare.a.folder is missing"),
        (
            {"a": {"folder": "f", "kidneys": [1]}},
            r"compare.a.kidneys is not a known key; did you mean compare.a.kidney",
        ),
        ({"a": {"folder": "f", "kidney": [0]}}, r"compare.a.kidney.0: 0 is less than the minimum of 1"),
        ({"a": {"folder": "f", "kidney": [2, 3]}}, r"compare.a: 2 is both kidney and tumor"),
        ({"a": {"folder": "f", "kidney": [], "tumor": []}}, r"compare.a has labels of neither"),
    ],
)
def test_mistakes_in_the_configuration_are_named(entry, says):
    with pytest.raises(UserError, match=f"^config: {says}"):
        configuration.validate(merged(PAPER, compare=entry))


def test_names_and_folders_stay_text_and_labels_become_numbers():
    """As `--config compare='{2019: no, a: {folder: 007, kidney: [2, 3], tumor: []}}'` gives them."""
    given = {"2019": "no", "a": {"folder": "007", "kidney": ["2", "3"], "tumor": []}}
    config = merged(PAPER, compare=given)
    configuration.parse_texts(config)
    configuration.validate(config)
    assert config["compare"] == {"2019": "no", "a": {"folder": "007", "kidney": [2, 3], "tumor": []}}
    assert configuration.list_changes(config, ROOT / "config" / "config.yaml") == {}
    assert methods.parse_method("~/x").folder == methods.Path.home() / "x"
    assert methods.parse_method("x").values is None
    assert methods.parse_method({"folder": "x", "kidney": [1, 3]}).values == {"kidney": [1, 3], "tumor": [2]}


@pytest.mark.slow
def test_nothing_to_compare_with_is_one_line(project):
    line = refused(project.snakemake(TINY, "compare", "--dry-run"))
    assert line.startswith("error: compare: there is nothing to compare with; name folders")
    (project.folder / "empty").mkdir()
    config = ["--config", "compare={other: results/other, none: {folder: empty, kidney: [2, 3], tumor: []}}"]
    result = project.snakemake(TINY, "compare", "--dry-run", *config)
    assert result.returncode != 0
    missing, nothing = errors(result.stdout)
    assert missing == "error: compare.other: there is no folder results/other"
    assert "compare.none: none of 2 test cases; case_0000" in nothing
    assert "no segmentation in empty; looked for segmentations/case_0000" in nothing
    result = project.snakemake(TINY, "ratio_range", "--dry-run", *config)
    assert result.returncode == 0, result.stdout  # who does not ask for it is not stopped


@pytest.mark.slow
def test_three_methods_end_to_end_and_only_what_changes_runs_again(finished, copy_of):
    project = copy_of(finished)
    results, cohort = project.folder / RESULTS, project.folder / RESULTS / "cohort"
    scores = pd.read_csv(results / "scores.tsv", sep="\t")
    first, second = sorted(scores["case"].unique())
    shutil.copytree(results / "segmentations", project.folder / "results" / "other" / "segmentations")
    shutil.copytree(cohort, project.folder / "truth", ignore=shutil.ignore_patterns("imaging*", "kits.json"))
    shifted = project.folder / "shifted" / f"{first}.nii"
    shifted.parent.mkdir()
    image = nib.load(cohort / first / "segmentation.nii.gz")
    moved = np.roll(np.asanyarray(image.dataobj), 1, 2)
    foreign = np.where(moved == 2, 1, np.where(moved == 1, 3, 0)).astype(np.uint8)
    nib.save(turn(nib.Nifti1Image(foreign, image.affine), "LAS"), shifted)
    labels = {"folder": "shifted", "kidney": [2, 3], "tumor": [1]}
    config = merged(TINY, compare={"truth": "truth", "shifted": labels, "other": "results/other"})
    assert project.planned(config) == {}  # a complete run compares nothing
    result = project.snakemake(config, "compare")
    assert result.returncode == 0, result.stdout
    assert f"warning: shifted: {second} is left out: no segmentation in shifted; looked for" in result.stdout
    assert "truth minus tiny: Dice of kidney + tumor +" in result.stdout
    assert (results / "figures" / "comparison.png").exists()
    table = pd.read_csv(results / "comparison.tsv", sep="\t").set_index(["method", "case", "target"])
    after = scores[scores["stage"] == "after"].set_index(["case", "target"])["dice"]
    for method in ("tiny", "other"):
        assert table.loc[method]["dice"].to_dict() == pytest.approx(after.to_dict(), abs=1e-6, nan_ok=True)
    assert (table.loc["truth"]["surface_dice"].dropna() == 1).all()
    truth, moved = np.asanyarray(image.dataobj) > 0, moved > 0
    expected = 2 * (truth & moved).sum() / (truth.sum() + moved.sum())
    assert table.loc[("shifted", first, "kidney_tumor"), "dice"] == pytest.approx(expected, abs=1e-6)
    summary = pd.read_csv(results / "comparison_summary.tsv", sep="\t").set_index(["method", "target", "measure"])
    assert summary.loc[("shifted", "kidney_tumor", "dice"), ["n", "left_out"]].tolist() == [1, 1]
    pairs = pd.read_csv(results / "comparison_differences.tsv", sep="\t").set_index(["method", "target", "measure"])
    assert pairs.loc[("other", "kidney_tumor", "error_ml"), ["n", "mean"]].tolist() == [2, 0]

    ends = {"summarize_comparison": 1, "compare": 1}
    assert project.planned(config, "compare") == {}
    assert project.planned(merged(config, statistics={"seed": 1}), "compare") == list_jobs(ends)
    without = merged(TINY, compare={name: config["compare"][name] for name in ("truth", "shifted")})
    assert project.planned(without, "compare") == list_jobs(ends)
    shutil.copytree(project.folder / "truth", project.folder / "again")
    again = merged(config, compare={"truth": "again"})
    assert project.planned(again, "compare") == list_jobs(ends, compare_case=2)
    assert project.planned(merged(config, compare={"shifted": labels | {"kidney": [3]}}), "compare") == list_jobs(
        ends, compare_case=2
    )
    planned = project.planned(merged(config, postprocess={"tumor_kidney_overlap": 0.9}), "compare")
    assert planned == list_jobs(ends, postprocess=2, compare_case=2)
    nib.save(nib.Nifti1Image(foreign, image.affine), shifted)
    os.utime(shifted, (0, 0))  # another file, which is older
    assert project.planned(config, "compare") == list_jobs(ends, compare_case=1)
