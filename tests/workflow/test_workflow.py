"""The workflow as a user runs it, on a tiny phantom cohort."""

import gzip
import hashlib
import json
import subprocess

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import NO_SWEEP, OWN, RESULTS, ROOT, TINY, VARIANTS, cohort_of, errors, merged, run_script

from kidney_tumor.networks.models import load_model


def test_every_promised_file(finished):
    results = finished.folder / RESULTS
    split = pd.read_csv(results / "split.tsv", sep="\t")
    assert split.columns.tolist() == ["case", "subset"]
    assert split["subset"].value_counts().to_dict() == {"train": 3, "test": 2}
    test_cases = split.loc[split["subset"] == "test", "case"]
    for target in ("kidney", "tumor"):
        assert load_model(results / f"models/{target}.safetensors", target).view.target == target
        record = json.loads((results / f"models/{target}.json").read_text())
        assert record["epochs_run"] == 2
        assert record["training"]["seed"] == 2019
        assert set(record["training_cases"]) == set(split["case"]) - set(test_cases)
        assert (results / f"models/{target}_training.png").stat().st_size > 1000
    for case in split["case"]:
        assert sorted(path.name for path in (results / "slices" / case).iterdir()) == [
            "images.npy",
            "labels.npy",
            "slices.json",
        ]
    for case in test_cases:
        image = nib.load(results / "cohort" / case / "imaging.nii.gz")
        for name in (f"predictions/{case}/kidney", f"predictions/{case}/tumor", f"segmentations/{case}"):
            volume = nib.load(results / f"{name}.nii.gz")
            assert volume.shape == image.shape
            np.testing.assert_array_equal(volume.affine, image.affine)
            assert volume.get_data_dtype() == np.uint8
        raw = np.asarray(nib.load(results / f"predictions/{case}/tumor.nii.gz").dataobj)
        assert not raw[:, : image.shape[1] // 2].any()
    components = pd.read_csv(results / "tumor_components.tsv", sep="\t")
    columns = ["case", "component", "voxels", "eigenvalue_1", "eigenvalue_2", "eigenvalue_3"]
    columns += ["ratio_voxel", "ratio_mm", "slice_mm", "ratio_thin"]
    assert components.columns.tolist() == columns
    accepted = json.loads((results / "ratio_range.json").read_text())
    assert accepted["percentiles"] == [5, 95]
    assert accepted["low"] == pytest.approx(np.percentile(components["ratio_voxel"], 5), rel=1e-5)
    assert accepted["components"] == len(components)
    scores = pd.read_csv(results / "scores.tsv", sep="\t")
    assert len(scores) == 8
    dice = pd.read_csv(results / "dice.tsv", sep="\t")
    assert {"stage", "target", "n", "mean", "mean_low", "mean_high", "median", "q1", "q3"} <= set(dice)
    summary = pd.read_csv(results / "summary.tsv", sep="\t", dtype=str).set_index("claim")
    assert summary.loc["mean Dice, tumor, after", "paper"] == "0.61"
    assert summary.loc["test cases", "here"] == "2"
    assert summary["verdict"].str.startswith("cannot be checked: 5 phantoms").all()
    assert len(pd.read_csv(results / "effect.tsv", sep="\t")) == 2
    assert len(pd.read_csv(results / "trace.tsv", sep="\t")) == 5 * 2 * 8
    assert len(pd.read_csv(results / "ablation.tsv", sep="\t")) == VARIANTS * 2
    measured = pd.read_csv(results / "morphometry.tsv", sep="\t")
    for case, stages in measured.groupby("case")["stage"].apply(list).items():
        assert stages == (["truth", "before", "after"] if case in set(test_cases) else ["truth"])
    assert set(measured["case"]) == set(split["case"])
    record = pd.read_csv(results / "record.tsv", sep="\t").set_index("case")
    entries = json.loads((results / "cohort/kits.json").read_text())
    assert record["radiographic_mm"].to_dict() == {
        entry["case_id"]: 10 * entry["radiographic_size"] for entry in entries
    }
    assert (pd.read_csv(results / "agreement.tsv", sep="\t")["source"] == "phantom").all()
    assert (pd.read_csv(results / "outcomes.tsv", sep="\t")["source"] == "phantom").all()
    figures = ["fig1", "fig2_kidney", "fig2_tumor", "fig3", "fig4", "pairs", "trace", "trace_cases", "ablation"]
    figures += ["tumor_volume", "diameter_error", "agreement", "agreement_cases", "outcomes", "ratios", "references"]
    for name in [*figures, *(f"slices/{case}" for case in test_cases)]:
        assert (results / f"figures/{name}.png").read_bytes().startswith(b"\x89PNG"), name
    assert b"<svg" in (results / "figures/fig3.svg").read_bytes()
    assert (results / "figures/fig3.pdf").read_bytes().startswith(b"%PDF")


def test_provenance(finished):
    record = json.loads((finished.folder / RESULTS / "provenance.json").read_text())
    assert record["config"]["training"]["epochs"] == 2
    assert record["packages"]["torch"].startswith("2.13.0")
    assert record["models"]["kidney"]["device"] == "CPU, 1 threads, float32"
    assert record["last_command"]["started"] <= record["last_command"]["finished"]
    assert record["rules"]["train"]["jobs"] == 2
    assert record["rules"]["extract_slices"]["seconds"] > 0
    assert "commit" in record


@pytest.mark.slow
def test_provenance_and_dice_speak_of_complete_runs_only(finished, copy_of):
    project = copy_of(finished)
    before = (project.folder / RESULTS / "provenance.json").read_bytes()
    changed = merged(TINY, statistics={"seed": 1})
    said = "Dice on the test cases of results/tiny"
    result = project.snakemake(changed, "summarize_ablation")
    assert result.returncode == 0
    assert said not in result.stdout
    assert (project.folder / RESULTS / "provenance.json").read_bytes() == before
    result = project.snakemake(changed)
    assert result.returncode == 0
    assert said in result.stdout
    record = json.loads((project.folder / RESULTS / "provenance.json").read_text())
    assert record["config"]["statistics"]["seed"] == 1


def test_scores_are_those_of_the_files(finished):
    """Dice recomputed from the volumes on disk."""
    results = finished.folder / RESULTS
    for row in pd.read_csv(results / "scores.tsv", sep="\t").itertuples():
        label = nib.load(results / "cohort" / row.case / "segmentation.nii.gz").get_fdata()
        truth = label > 0 if row.target == "kidney_tumor" else label == 2
        if row.stage == "after":
            merged_labels = nib.load(results / f"segmentations/{row.case}.nii.gz").get_fdata()
            prediction = merged_labels > 0 if row.target == "kidney_tumor" else merged_labels == 2
        else:
            name = "kidney" if row.target == "kidney_tumor" else "tumor"
            prediction = nib.load(results / f"predictions/{row.case}/{name}.nii.gz").get_fdata() > 0
        assert row.dice == pytest.approx(2 * (truth & prediction).sum() / (truth.sum() + prediction.sum()), abs=1e-6)


def test_the_terminal_is_spared_what_is_said_of_one_case_among_many(tmp_path):
    noted = ["case_00007: 40 slices, on CPU", "case_00007.nii.gz: 2 of 8 kidney components kept"]
    shown = [
        "warning: case_00007: look here",
        "error: case_00007: lost",
        "my_scan: 9 slices",
        "  File case_00007: x",
        "",
    ]
    text = "\n".join([*noted, *shown, ""])
    command = [ROOT / "workflow/bin/keep_log", tmp_path / "a.log"]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == shown
    assert (tmp_path / "a.log").read_text() == text


def test_the_log_of_post_processing_says_what_was_done(finished):
    log = "".join(path.read_text() for path in (finished.folder / RESULTS / "logs/postprocess").iterdir())
    assert "kidney components kept" in log


def test_several_cases_in_one_call_change_no_mask(finished, tmp_path):
    """The workflow predicts one case in each job, but the script accepts several."""
    results = finished.folder / RESULTS
    masks = sorted((results / "predictions").rglob("*.nii.gz"))
    assert len(masks) == 4
    cases = sorted({path.parent.name for path in masks})
    models = [
        "--kidney-model",
        results / "models/kidney.safetensors",
        "--tumor-model",
        results / "models/tumor.safetensors",
    ]
    folders = ["--slices", results / "slices", "--output", tmp_path]
    result = run_script(
        "predict", "--cases", *cases, *folders, *models, "--device", "cpu", "--threads", 1, "--precision", "float32"
    )
    assert result.returncode == 0, result.stderr
    for path in masks:
        assert digest(tmp_path / path.parent.name / path.name) == digest(path)


def test_files_of_a_case_are_few(finished):
    """A case has few files for any number of slices, since parallel file systems handle many small files badly."""
    results = finished.folder / RESULTS
    for case in pd.read_csv(results / "split.tsv", sep="\t").itertuples():
        files = [p for p in results.rglob("*") if p.is_file() and case.case in str(p) and "cohort" not in p.parts]
        assert len(files) <= (35 if case.subset == "test" else 14)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_report(finished, copy_of):
    project = copy_of(finished)
    result = project.snakemake(TINY, "--report", "report.html")
    assert result.returncode == 0, result.stdout
    report = (project.folder / "report.html").read_text()
    for text in ("fig3.png", "summary.tsv", "kidney_training.png", "before (blue) and after (red)"):
        assert text in report


def test_the_summary_shown_after_the_demo(finished):
    result = run_script("show_summary", "--run", RESULTS, cwd=finished.folder)
    assert result.returncode == 0, result.stderr
    for text in ("before", "after", "kidney_tumor", "median", "emptied", f"figure: {RESULTS}/figures/fig3.png"):
        assert text in result.stdout


@pytest.mark.slow
def test_progress_is_on_the_terminal_and_in_the_log(finished, copy_of):
    project = copy_of(finished)
    result = project.snakemake(merged(TINY, training={"epochs": 1}), "--until", "train")
    log = (project.folder / RESULTS / "logs/train/kidney.log").read_text()
    for output in (result.stdout, log):
        assert "kidney network: epoch  1/1  loss" in output
        assert "slices/s" in output


def test_images_are_gzipped_once(finished):
    """The phantom writes what KiTS19 holds: gzipped NIfTI."""
    path = next((finished.folder / RESULTS / "cohort").glob("*/imaging.nii.gz"))
    assert gzip.decompress(path.read_bytes())[344:347] == b"n+1"


@pytest.mark.slow
def test_outcomes_need_labels_and_a_record_only(finished, project):
    """A cohort without images, with its record elsewhere; one of its values is bad, and then it is not."""
    cohort = cohort_of(finished, project.folder / "cohort")
    for path in cohort.glob("*/imaging.nii.gz"):
        path.unlink()
    record = json.loads((cohort / "kits.json").read_text())
    (cohort / "kits.json").unlink()
    config = merged(OWN, data={**OWN["data"], "record": "record.json"})
    good = record[1]["malignant"]
    for value in ("perhaps", good):
        record[1]["malignant"] = value
        (project.folder / "record.json").write_text(json.dumps(record))
        result = project.snakemake(config, "outcomes")
        if value == "perhaps":
            assert result.returncode != 0
            (line,) = errors(result.stdout)
            assert "record.json: case_00001: malignant is 'perhaps'; expected true, false or null" in line
    assert result.returncode == 0, result.stdout
    outcomes = pd.read_csv(project.folder / "results/own/outcomes.tsv", sep="\t")
    assert (outcomes["source"] == "kits19").all()
    assert outcomes["n"].max() == 5


@pytest.mark.slow
def test_several_splits_are_pooled(project):
    repeats, cases = 2, 4
    split, few = {"scheme": "kfold", "repeats": repeats}, {"phantom": {"cases": cases}, "ablation": NO_SWEEP}
    config = merged(TINY, split=split, training={"epochs": 1}, **few)
    goals = [f"{RESULTS}/{name}" for name in ("summary.tsv", "ablation.tsv", "morphometry.tsv", "figures/fig4.png")]
    result = project.snakemake(config, *goals)
    assert result.returncode == 0, result.stdout
    results = project.folder / RESULTS
    scores = pd.read_csv(results / "scores.tsv", sep="\t")
    assert sorted(scores["split"].unique()) == list(range(1, repeats + 1))
    for number, rows in scores.groupby("split"):
        split = pd.read_csv(results / f"split_{number}/split.tsv", sep="\t")
        assert set(rows["case"]) == set(split.loc[split["subset"] == "test", "case"])
        assert (results / f"split_{number}/models/kidney.safetensors").exists()
        record = json.loads((results / f"split_{number}/models/tumor.json").read_text())
        assert set(record["training_cases"]) == set(split.loc[split["subset"] == "train", "case"])
    assert sorted(scores["case"].unique()) == [f"case_{n:05d}" for n in range(cases)]
    assert not (results / "split.tsv").exists()
    dice = pd.read_csv(results / "dice.tsv", sep="\t")
    assert (dice["n"] + dice["undefined"] == scores["case"].nunique()).all()
    configured = pd.read_csv(results / "ablation.tsv", sep="\t").query("changed == 'nothing'").set_index("target")
    after = dice[dice["stage"] == "after"].set_index("target")
    assert configured["mean"].to_dict() == pytest.approx(after["mean"].to_dict(), abs=2e-6)
    assert project.planned(config, "--nolock", *goals) == {}
