"""The workflow as a user runs it, on a tiny phantom cohort."""

import gzip
import hashlib
import json
import os
import re

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import NO_SWEEP, OWN, RESULTS, ROOT, TINY, cohort_of, errors, merged, run_script

AFTER_FILTER = {
    "postprocess": 2,
    "score": 2,
    "summarize": 1,
    "plot_dice": 1,
    "plot_pipeline": 1,
    "measure_case": 2,
    "summarize_morphometry": 1,
    "plot_surfaces": 1,
    "plot_slice": 2,
    "write_first_page": 1,
    "all": 1,
}
VARIANTS = 9
ABLATED = {"ablate": VARIANTS, "summarize_ablation": 1}
CEILING = {"trace_ceiling": 5, "summarize_ceiling": 1}
TRAINED = {"train": 2, "plot_training": 2, "plot_network": 2, "predict": 2}


def jobs(*parts, **others):
    """The jobs that a dry run lists."""
    rules = {rule: count for part in (*parts, others) for rule, count in part.items()}
    return rules | {"total": sum(rules.values())}


def test_every_promised_file(finished):
    results = finished.folder / RESULTS
    split = pd.read_csv(results / "split.tsv", sep="\t")
    assert split.columns.tolist() == ["case", "subset"]
    assert split["subset"].value_counts().to_dict() == {"train": 3, "test": 2}
    test_cases = split.loc[split["subset"] == "test", "case"]
    for target in ("kidney", "tumor"):
        content = torch.load(results / f"models/{target}.pt", weights_only=True)
        assert content["target"] == target
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
    columns = ["case", "component", "voxels", "eigenvalue_1", "eigenvalue_2", "eigenvalue_3", "ratio"]
    assert components.columns.tolist() == columns
    accepted = json.loads((results / "ratio_range.json").read_text())
    assert accepted["percentiles"] == [5, 95]
    assert accepted["low"] == pytest.approx(np.percentile(components["ratio"], 5), rel=1e-5)
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
    assert len(pd.read_csv(results / "ceiling.tsv", sep="\t")) == 5 * 2 * 7
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
    figures = ["fig1", "fig2_kidney", "fig2_tumor", "fig3", "fig4", "pairs", "ceiling", "ceiling_cases", "ablation"]
    figures += ["tumor_volume", "diameter_error", "agreement", "agreement_cases", "outcomes", "ratios"]
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
def test_provenance_speaks_of_complete_runs_only(finished, copy_of):
    project = copy_of(finished)
    before = (project.folder / RESULTS / "provenance.json").read_bytes()
    changed = merged(TINY, statistics={"seed": 1})
    assert project.snakemake(changed, "summarize_ablation").returncode == 0
    assert (project.folder / RESULTS / "provenance.json").read_bytes() == before
    assert project.snakemake(changed).returncode == 0
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


@pytest.mark.slow
def test_a_complete_run_ends_with_its_dice(finished, copy_of):
    result = copy_of(finished).snakemake(TINY, "--forcerun", "postprocess")
    assert "Dice on the test cases of results/tiny" in result.stdout
    log = "".join(path.read_text() for path in (finished.folder / RESULTS / "logs/postprocess").iterdir())
    assert "kidney components: " in log


def test_nothing_changed_nothing_runs(finished):
    assert finished.planned(TINY) == {}


def test_changed_percentiles_rerun_the_filter_only(finished):
    planned = finished.planned(merged(TINY, postprocess={"percentiles": [1, 99]}))
    assert planned.pop("ablate") < VARIANTS  # some of the other variants were swept before
    expected = jobs(AFTER_FILTER, CEILING, ratio_range=1, plot_ratios=1, summarize_ablation=1)
    assert planned | {"total": 0} == expected | {"total": 0}


@pytest.mark.parametrize("change", [{"tumor_kidney_overlap": 0.9}, {"kidney_components": 1}, {"closing_iterations": 1}])
def test_changed_filter_reruns_post_processing_only(finished, change):
    planned = finished.planned(merged(TINY, postprocess=change))
    assert 0 < planned.pop("ablate") <= VARIANTS
    assert planned | {"total": 0} == jobs(AFTER_FILTER, CEILING, summarize_ablation=1) | {"total": 0}


def test_changed_epochs_rerun_training_and_all_after_it(finished):
    planned = finished.planned(merged(TINY, training={"epochs": 3}))
    assert planned == jobs(AFTER_FILTER, ABLATED, TRAINED)


def test_another_window_needs_no_extraction(finished):
    planned = finished.planned(merged(TINY, slices={"hu_window": [-100, 300]}))
    assert "train" in planned
    assert "extract_slices" not in planned


def test_several_cases_in_one_call_change_no_mask(finished, tmp_path):
    """The workflow predicts one case in each job, but the script accepts several."""
    results = finished.folder / RESULTS
    masks = sorted((results / "predictions").rglob("*.nii.gz"))
    assert len(masks) == 4
    cases = sorted({path.parent.name for path in masks})
    models = ["--kidney-model", results / "models/kidney.pt", "--tumor-model", results / "models/tumor.pt"]
    folders = ["--slices", results / "slices", "--output", tmp_path]
    result = run_script(
        "predict", "--cases", *cases, *folders, *models, "--device", "cpu", "--threads", 1, "--precision", "float32"
    )
    assert result.returncode == 0, result.stderr
    for path in masks:
        assert digest(tmp_path / path.parent.name / path.name) == digest(path)


def test_a_split_value_that_decides_nothing_plans_nothing(finished):
    assert TINY["split"] == {"test_cases": 2}
    assert finished.planned(TINY, "--config", "split={test_fraction: 0.2}") == {}
    assert finished.planned(TINY, "--config", "split={seed: 1}")["train"] == 2


def test_trainings_depend_on_their_cases_and_not_on_how_these_were_checked_and_chosen(finished):
    planned = finished.planned(TINY, "--forcerun", "check_cohort")
    assert planned == {"check_cohort": 1, "all": 1, "total": 2}


def test_another_precision_reruns_the_networks_only(finished):
    planned = finished.planned(merged(TINY, precision="bfloat16"))
    assert planned == jobs(AFTER_FILTER, ABLATED, TRAINED)


def test_files_of_a_case_are_few(finished):
    """A case has few files for any number of slices, since parallel file systems handle many small files badly."""
    results = finished.folder / RESULTS
    for case in pd.read_csv(results / "split.tsv", sep="\t").itertuples():
        files = [p for p in results.rglob("*") if p.is_file() and case.case in str(p) and "cohort" not in p.parts]
        assert len(files) <= (28 if case.subset == "test" else 14)


def test_forcerun_postprocess(finished):
    assert finished.planned(TINY, "--forcerun", "postprocess") == jobs(AFTER_FILTER)


def test_an_edited_module_reruns_what_it_decides(finished, copy_of):
    project = copy_of(finished)
    module = project.folder / "workflow/scripts/kits/filter/postprocessing.py"
    os.utime(module)
    assert project.planned(TINY) == {}
    module.write_text(module.read_text() + "\n# edited\n")
    assert project.planned(TINY) == jobs(AFTER_FILTER, ABLATED, CEILING, ratio_range=1, plot_ratios=1)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_second_run_is_identical(finished, project):
    names = (
        "scores.tsv",
        "summary.tsv",
        "effect.tsv",
        "split.tsv",
        "tumor_components.tsv",
        "figures/fig3.svg",
        "figures/fig3.pdf",
    )
    result = project.snakemake(TINY, *(f"{RESULTS}/{name}" for name in names))
    assert result.returncode == 0, result.stdout
    for name in names:
        assert digest(project.folder / RESULTS / name) == digest(finished.folder / RESULTS / name), name
    for target in ("kidney", "tumor"):
        states = [torch.load(p.folder / RESULTS / f"models/{target}.pt") for p in (project, finished)]
        weights = [state["state_dict"] for state in states]
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


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


def test_one_warning_without_a_gpu(finished, project):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    cohort_of(finished, project.folder / "cohort")
    few = {"data": {"cases": [0, 1, 2]}, "split": {"test_cases": 1}}
    config = merged(OWN, device="auto", training={"epochs": 1}, **few)
    result = project.snakemake(config, *(f"results/own/models/{target}.pt" for target in ("kidney", "tumor")))
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("No GPU found") == 1
    result = project.snakemake(config, "ratio_range")
    assert "(Rule: ratio_range)" in result.stdout
    assert "No GPU found" not in result.stdout


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


def graph(mermaid):
    """The arrows of a Mermaid flow chart, by the names of the rules."""
    names = dict(re.findall(r"(id\d+)\[([a-z_]+)\]", mermaid))
    return {(names[a], names[b]) for a, b in re.findall(r"(id\d+) --> (id\d+)", mermaid)}


def test_without_a_clinical_record_everything_else_runs(finished, project):
    cohort_of(finished, project.folder / "cohort")
    (project.folder / "cohort" / "kits.json").unlink()
    planned = project.planned(OWN)
    assert not {"read_record", "summarize_agreement", "summarize_outcomes"} & set(planned)
    assert planned["summarize_morphometry"] == 1
    config = merged(OWN, data={**OWN["data"], "record": "mistyped.json"})
    result = project.snakemake(config, "--dry-run")
    assert errors(result.stdout) == [
        "error: data.record: there is no file mistyped.json; name the clinical record, or set the key to null"
    ]
    result = project.snakemake(OWN, "--dry-run", "outcomes")
    assert result.returncode != 0
    assert errors(result.stdout) == [
        "error: cohort/kits.json is missing; put the clinical record of the cohort there, which is data/kits.json in "
        "KiTS19's repository, or name another file in data.record"
    ]


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
        assert (results / f"split_{number}/models/kidney.pt").exists()
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


def test_the_rule_graph_in_the_readme_is_the_workflows(project):
    goal = "results/kits19/figures/fig3.png"
    result = project.snakemake({"data": {"source": "phantom"}}, goal, "--rulegraph", "mermaid-js")
    readme = (ROOT / "README.md").read_text()
    assert graph(result.stdout) == graph(readme)
    assert ("postprocess", "score") in graph(readme)


@pytest.mark.parametrize(("device", "asked"), [("auto", {"train", "predict"}), ("cpu", set())])
def test_only_what_may_use_a_gpu_asks_for_one(project, device, asked):
    result = project.snakemake(merged(TINY, device=device), f"{RESULTS}/scores.tsv", "--dry-run", "--quiet", "host")
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?: .*\n)+)", result.stdout, re.MULTILINE)
    assert len(jobs) > 10
    assert {rule for rule, what in jobs if "gpu=1" in what} == asked
