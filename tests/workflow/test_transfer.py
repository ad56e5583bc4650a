"""Ranges on other cohorts and second readings through the workflow, on labels that are drawn with known shares."""

import json
import os
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import RESULTS, TINY, merged, refused, save
from helpers.filters import box
from scipy import ndimage

SHAPE = (8, 26, 40)
LENGTHS = (9, 10, 11, 12, 13)
"""A box of 4 x 8 x n voxels, n > 8, has a ratio of (n^2 - 1) / 63, which grows with n."""


def draw(*lengths, tumor=2):
    """A kidney everywhere with two places for a tumor."""
    label = np.full(SHAPE, 1 if tumor == 2 else 0, np.uint8)
    for place, length in enumerate(lengths):
        label[box(SHAPE, (2, 6), (2 + 12 * place, 10 + 12 * place), (2, 2 + length))] = tumor
    return label


@pytest.fixture
def drawn_cohorts(project):
    """Five patients here; elsewhere one within their range, one outside, one partly, and one who is here, too."""
    for number, length in enumerate(LENGTHS):
        save(project.folder / "here" / f"case_{number:05d}" / "segmentation.nii.gz", draw(length))
    for name, lengths in {"p 1": (11,), "p 2": (20,), "p 3": (12, 30), "case_00000": (30,)}.items():
        save(project.folder / "there" / f"{name}.nii.gz", draw(*lengths))
    return project


CONFIG = {
    "run": "here",
    "data": {"root": "here"},
    "split": {"test_cases": 1},
    "postprocess": {"percentiles": [0, 100]},
}


def run(project, target, *arguments, **sections):
    result = project.snakemake(CONFIG | sections, target, *arguments)
    assert result.returncode == 0, result.stdout
    return result.stdout


def read(project, name):
    return pd.read_csv(project.folder / "results" / "here" / name, sep="\t")


@pytest.mark.slow
def test_a_drawn_cohort_has_its_known_shares(drawn_cohorts):
    project = drawn_cohorts
    said = run(project, "range_transfer", transfer={"there": "there"})
    assert "warning: there: 1 left out, since this run has cases named so: case_00000" in said
    assert "there, lost to the range of here in voxel: 2 of 4 tumors, 50.0%" in said
    table = read(project, "range_transfer.tsv")
    rows = table[(table["slices"] == "all") & (table["ratio_unit"] == "voxel")]
    counts = rows.set_index(["range_of", "tumors_of", "counted"])["lost"].to_dict()
    assert counts == {
        ("here", "here", "tumors"): 2,  # the smallest and the largest
        ("here", "here", "patients"): 2,
        ("here", "there", "tumors"): 2,  # those of 20 and 30
        ("here", "there", "patients"): 1,
        ("there", "here", "tumors"): 2,  # those of 9 and 10, below 11
        ("there", "here", "patients"): 2,
        ("there", "there", "tumors"): 2,  # 11 by 12 to 30; 30 by 11 to 20, but not 12
        ("there", "there", "patients"): 1,
    }
    ranges = read(project, "ratio_ranges.tsv").set_index(["cohort", "ratio_unit"])
    assert ranges.loc[("here", "voxel"), ["low", "high"]].tolist() == pytest.approx([80 / 63, 168 / 63], abs=1e-5)
    # In mm, at 3 x 0.75 x 0.75, the 4 slices are the longest side, of 16 * 15 = 240 units, and 80 to 168 come second.
    assert ranges.loc[("here", "mm"), ["low", "high"]].tolist() == pytest.approx([240 / 168, 240 / 80], abs=1e-5)
    assert (project.folder / "results/here/figures/range_transfer.svg").stat().st_size
    # Nothing runs again, until a label is another one; another unit changes nothing here, since both are measured.
    assert project.planned(CONFIG | {"transfer": {"there": "there"}}, "range_transfer") == {}
    save(project.folder / "there" / "p 1.nii.gz", draw(10))
    os.utime(project.folder / "there" / "p 1.nii.gz", (1e9, 1e9))
    planned = project.planned(CONFIG | {"transfer": {"there": "there"}}, "range_transfer")
    assert planned == {"measure_cohort": 1, "range_transfer": 1, "total": 2}


@pytest.mark.slow
def test_a_cohort_alone_and_masks_of_tumors_alone(drawn_cohorts):
    project = drawn_cohorts
    run(project, "range_transfer")
    run(project, "ratio_range")
    in_mm = {"postprocess": {"percentiles": [0, 100], "ratio_unit": "mm"}}
    assert project.planned(CONFIG | in_mm, "ratio_range") == {"ratio_range": 1, "total": 1}  # both units are measured
    run(project, "ratio_range", **in_mm)
    accepted = json.loads((project.folder / "results/here/ratio_range.json").read_text())
    assert (accepted["low"], accepted["high"]) == (pytest.approx(240 / 168), pytest.approx(240 / 80))
    assert accepted["unit"] == "mm"
    assert read(project, "range_transfer.tsv")["tumors_of"].unique().tolist() == ["here"]
    for name, length in (("a", 11), ("b", 20)):
        save(project.folder / "masks" / name / "segmentation.nii.gz", draw(length, tumor=1))
    run(project, "range_transfer", transfer={"masks": {"folder": "masks", "tumor": [1]}})
    table = read(project, "range_transfer.tsv").set_index(["range_of", "tumors_of", "ratio_unit", "slices", "counted"])
    assert table.loc[("here", "masks", "voxel", "all", "patients"), ["n", "lost"]].tolist() == [2, 1]


@pytest.mark.slow
def test_second_readings_and_the_verdict_on_them(drawn_cohorts):
    """Of five cases, the second reader draws two beyond the range of the first; a sixth is not in this run."""
    project = drawn_cohorts
    for number, length in enumerate((9, 30, 11, 30, 13, 13)):
        save(project.folder / "second" / f"case_{number:05d}.nii.gz", draw(length))
    said = run(project, "summarize_readers", readers={"second": "second"})
    assert "second: emptied_second 0.400" in said
    cases = read(project, "readers/second.tsv").set_index("case")
    assert cases["kept_first"].tolist() == [1, 1, 1, 1, 1]
    assert cases["kept_second"].tolist() == [1, 0, 1, 0, 1]
    assert cases.loc["case_00001", ["kidney_tumor", "tumor", "filtered"]].tolist() == [1, pytest.approx(20 / 40), 0]
    summary = read(project, "readers.tsv").set_index("measure")
    assert summary.loc["change", "value"] == pytest.approx(-(20 / 40 + 24 / 42) / 5, abs=1e-6)
    assert summary["reader"].unique().tolist() == ["second"]


@pytest.mark.slow
def test_what_cannot_be_compared_is_one_line(drawn_cohorts):
    project = drawn_cohorts

    def fail(target, *arguments, **sections):
        return refused(project.snakemake(CONFIG | sections, target, *arguments)).removeprefix("error: ")

    dry = "--dry-run"
    assert fail("range_transfer", dry, transfer={"a": "none"}) == "transfer.a: there is no folder none"
    both = fail("range_transfer", dry, transfer={"a": "here"})
    assert both.startswith("transfer.a: each of the 5 cases in here is a case of this run, too; name a folder of other")
    assert fail("summarize_readers", dry).startswith("readers: there is no second reading; name folders")
    (project.folder / "there" / "case_00000.nii.gz").unlink()
    new = fail("summarize_readers", dry, readers={"a": "there"})
    assert new.startswith(
        "readers.a: no case in there is a labeled case of this run; the first there is p 1, here case"
    )
    run(project, "measure_tumors", transfer={"a": "none"})  # who does not ask for it is not stopped
    save(project.folder / "there" / "p 3.nii.gz", draw(12) + 2)
    labels = fail("range_transfer", transfer={"there": "there"})
    assert labels.startswith(
        "there/p 3.nii.gz holds labels 3, 4; expected 0, 1 and 2 only; export it again, take it out"
    )
    assert not (project.folder / "results/here/transfer/there.tsv").exists()
    off = {"percentiles": None}
    assert fail("range_transfer", postprocess=off).startswith("postprocess.percentiles is null, so there is no range")
    shutil.rmtree(project.folder / "there")
    save(project.folder / "there" / "case_00001.nii.gz", draw(12)[:4])
    assert "has shape (4, 26, 40), but" in fail("summarize_readers", readers={"there": "there"})


@pytest.mark.slow
def test_outcomes_of_another_cohort_with_the_same_patients(finished, copy_of):
    """This cohort's labels and record under other names give what this cohort gives."""
    project = copy_of(finished)
    results, other = project.folder / RESULTS, project.folder / "other"
    record = json.loads((results / "cohort" / "kits.json").read_text())
    for entry in record:
        case, entry["case_id"] = entry["case_id"], entry["case_id"].replace("case", "patient")
        other.joinpath(entry["case_id"]).mkdir(parents=True)
        shutil.copy(results / "cohort" / case / "segmentation.nii.gz", other / entry["case_id"])
    (other / "kits.json").write_text(json.dumps(record))
    config = merged(TINY, transfer={"other": "other"})
    result = project.snakemake(config, "replicate_outcomes")
    assert result.returncode == 0, result.stdout
    patients = pd.read_csv(results / "patients" / "other.tsv", sep="\t").set_index("case")
    patients.index = patients.index.str.replace("patient", "case")
    known = pd.read_csv(results / "record.tsv", sep="\t").set_index("case")
    measured = pd.read_csv(results / "measures.tsv", sep="\t").set_index("case")
    for case in known.index:
        row = pd.concat([measured.loc[case].drop("stage"), known.loc[case]]).astype(float)
        np.testing.assert_allclose(patients.loc[case, row.index].to_numpy(float), row, rtol=1e-5, err_msg=case)
    table = pd.read_csv(results / "replication.tsv", sep="\t")
    assert len(table)
    assert (table["n"] == table["first_n"]).all()
    np.testing.assert_allclose(table["value"], table["first_value"])
    assert project.planned(config, "replicate_outcomes") == {}
    (other / "kits.json").unlink()
    assert "kits.json" in refused(project.snakemake(config, "replicate_outcomes"))


@pytest.mark.slow
def test_criteria_for_the_candidates_of_a_run(finished, copy_of):
    """Candidates are the pieces of the raw tumor masks; those that touch a labeled tumor are true."""
    project = copy_of(finished)
    results = project.folder / RESULTS
    result = project.snakemake(TINY, "summarize_criteria")
    assert result.returncode == 0, result.stdout
    table = pd.read_csv(results / "criteria.tsv", sep="\t").set_index("criterion")
    true = total = 0
    for folder in sorted((results / "predictions").glob("case_*")):
        label = np.asanyarray(nib.load(results / "cohort" / folder.name / "segmentation.nii.gz").dataobj) == 2
        pieces, number = ndimage.label(np.asanyarray(nib.load(folder / "tumor.nii.gz").dataobj), np.ones((3, 3, 3)))
        sizes, touched = np.bincount(pieces.ravel()), np.bincount(pieces[label], minlength=number + 1)
        large = sizes[1:] >= 10
        total, true = total + large.sum(), true + (large & (touched[1:] > 0)).sum()
    assert table["true"].unique().tolist() == [true]
    assert table["false"].unique().tolist() == [total - true]
