"""Bad input, as a user meets it: one clear line for each case, nothing half-written, the good cases kept."""

import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import OWN, RESULTS, TINY, cohort_of, errors, merged, replace


def test_no_cohort_stops_at_once(project):
    result = project.snakemake(OWN)
    assert result.returncode != 0
    lines = errors(result.stdout)
    assert len(lines) == 1
    for part in ("cohort", "case_00000/imaging.nii.gz", "github.com/neheller/kits19", "make demo"):
        assert part in lines[0]
    assert "Traceback" not in result.stdout
    assert not (project.folder / "results").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data": {"cases": [0, 1, 1]}}, "data.cases: case_00001 listed twice; list each case once"),
        ({"data": {"cases": []}}, "data.cases: the list is empty"),
        ({"split": {"test_cases": 5}}, "split: 5 cases are too few for 5 test cases"),
        ({"training": {"epoch": 5}}, "config: training.epoch is not a known key; did you mean training.epochs?"),
    ],
)
def test_mistakes_are_found_before_any_job(project, change, says):
    result = project.snakemake(merged(TINY, **change))
    assert result.returncode != 0
    assert [line for line in errors(result.stdout) if says in line]
    assert "Traceback" not in result.stdout
    assert not (project.folder / "results").exists()


@pytest.mark.slow
def test_a_bad_cohort_is_reported_whole_and_the_good_cases_kept(finished, project):
    """One run reports all bad cases that are found cheaply, and with --keep-going it extracts the good cases."""
    root = cohort_of(finished, project.folder / "cohort")
    (root / "case_00000" / "imaging.nii.gz").write_bytes(b"not a volume")
    label = np.asarray(nib.load(root / "case_00001" / "segmentation.nii.gz").dataobj)
    replace(root / "case_00001" / "segmentation.nii.gz", label[:-1])
    replace(root / "case_00002" / "segmentation.nii.gz", np.where(label == 2, 7, label))
    result = project.snakemake(OWN, "--keep-going")
    assert result.returncode != 0
    lines = errors(result.stdout)
    log = (project.folder / "results/own/logs/check_cohort.log").read_text()
    for case, says in (("case_00000", "is not a NIfTI file"), ("case_00001", "has shape"), ("case_00002", "labels 7")):
        assert [line for line in lines if case in line and says in line], (case, result.stdout)
        assert [line for line in errors(log) if case in line]
    assert not (project.folder / "results/own/cohort.tsv").exists()
    extracted = {path.parent.name for path in (project.folder / "results/own/slices").glob("*/slices.json")}
    assert extracted == {"case_00003", "case_00004"}
    assert not list(project.folder.glob("results/**/.partial*"))


def test_the_label_only_target_reports_all_bad_labels(finished, project):
    root = cohort_of(finished, project.folder / "cohort")
    for case in ("case_00001", "case_00003"):
        (root / case / "segmentation.nii.gz").write_bytes(b"")
    for path in root.glob("*/imaging.nii.gz"):
        path.unlink()
    result = project.snakemake(OWN, "ratio_range")
    assert result.returncode != 0
    assert [line.split(":")[1].strip() for line in errors(result.stdout)] == ["case_00001", "case_00003"]


@pytest.mark.parametrize("missing", ["imaging.nii.gz", "segmentation.nii.gz"])
def test_a_file_that_every_case_lacks(finished, project, missing):
    """No job of all cases runs without any."""
    root = cohort_of(finished, project.folder / "cohort")
    for path in root.glob(f"*/{missing}"):
        path.unlink()
    result = project.snakemake(OWN)
    assert result.returncode != 0
    assert {line.split(":")[1].strip() for line in errors(result.stdout)} == {f"case_{n:05d}" for n in range(5)}
    assert "usage:" not in result.stdout


@pytest.mark.slow
def test_what_needs_the_voxels_is_found_in_extraction(finished, project):
    root = cohort_of(finished, project.folder / "cohort")
    path = root / "case_00003" / "imaging.nii.gz"
    path.write_bytes(path.read_bytes()[:-2000])
    volume = nib.load(root / "case_00004" / "imaging.nii.gz").get_fdata()
    volume[2, 3, 4] = np.nan
    replace(root / "case_00004" / "imaging.nii.gz", volume)
    result = project.snakemake(OWN, "--keep-going")
    assert result.returncode != 0
    lines = errors(result.stdout)
    assert [line for line in lines if "case_00003" in line and "truncated" in line and str(path.name) in line]
    assert [line for line in lines if "case_00004" in line and "NaN or infinite" in line]
    slices = project.folder / "results/own/slices"
    assert {path.parent.name for path in slices.glob("*/slices.json")} == {"case_00000", "case_00001", "case_00002"}
    assert not list(slices.glob("case_0000[34]/*"))
    shutil.copytree(finished.folder / RESULTS / "cohort", root, dirs_exist_ok=True)
    planned = project.planned(OWN)
    assert planned["extract_slices"] == 2, "the good cases are not extracted again"


def test_a_missing_file_is_named(finished, project):
    root = cohort_of(finished, project.folder / "cohort")
    (root / "case_00002" / "imaging.nii.gz").unlink()
    result = project.snakemake(OWN)
    assert result.returncode != 0
    lines = errors(result.stdout)
    assert len(lines) == 1
    assert "case_00002" in lines[0]
    assert "imaging.nii.gz is missing" in lines[0]
    planned = result.stdout.index("Job stats")
    assert "case_00002/imaging.nii.gz: check_cohort will stop the run; put them there" in result.stdout[:planned]
    assert lines[0] in result.stdout[result.stdout.rindex("Exiting because a job execution failed") :]
    assert "Traceback" not in result.stdout


@pytest.mark.slow
def test_a_cohort_of_a_name_with_spaces_and_semicolons(finished, project):
    """It reaches no shell unquoted (a run of such a name: test_module.py). A case without any tumor is no error."""
    odd = "my data; touch oops"
    root = cohort_of(finished, project.folder / odd)
    label = np.asarray(nib.load(root / "case_00002" / "segmentation.nii.gz").dataobj)
    replace(root / "case_00002" / "segmentation.nii.gz", np.minimum(label, 1))
    config = merged(OWN, data={"root": odd, "cases": [0, 1, 2]}, split={"test_cases": 1})
    goals = ["cohort.tsv", "tumor_components.tsv", "slices/case_00002/slices.json", "trace.tsv"]
    result = project.snakemake(config, *(f"results/own/{goal}" for goal in goals))
    assert result.returncode == 0, result.stdout
    assert not list(project.folder.rglob("oops"))
    components = pd.read_csv(project.folder / "results/own/tumor_components.tsv", sep="\t")
    assert set(components["case"]) == {"case_00000"}  # case_00001 is the test case
