"""What a run would do, by its dry run: after a change, and where something is missing."""

import re

import pytest
import torch
from conftest import OWN, RESULTS, ROOT, TINY, cohort_of, errors, list_jobs, merged, refused
from helpers.planner import Planner

AFTER_FILTER = {
    "postprocess": 2,
    "score": 2,
    "summarize": 1,
    "plot_dice": 1,
    "plot_references": 1,
    "plot_pipeline": 1,
    "summarize_morphometry": 1,
    "plot_surfaces": 1,
    "plot_slice": 2,
    "write_viewer": 2,
    "write_model_card": 1,
    "write_first_page": 1,
    "all": 1,
}
ABLATED = {"ablate": 2, "summarize_ablation": 1}
TRACE = {"trace_labels": 1, "summarize_traces": 1}
TRAINED = {"train": 2, "plot_training": 2, "plot_network": 2, "predict": 2, "pack_model": 1}


@pytest.fixture(scope="module")
def count(finished):
    """A function that counts the jobs that a run of a configuration would have."""
    planner = Planner(finished)

    def count_jobs(config):
        jobs, _ = planner.ask(config)
        return list_jobs(jobs) if jobs else {}

    yield count_jobs
    planner.stop()


def test_a_plan_reads_the_code_of_its_own_jobs_only(project):
    """Code that no job needs is not read, which shortens the start of Snakemake; here it cannot be read."""
    (project.folder / "workflow/scripts/predict.py").write_text("def (")
    assert project.planned(TINY, f"{RESULTS}/slices/case_00000/slices.json")["extract_slices"] == 1
    assert "SyntaxError" in project.snakemake(TINY, f"{RESULTS}/scores.tsv", "--dry-run").stdout


def test_nothing_changed_nothing_runs(count):
    assert count(TINY) == {}


def test_changed_percentiles_rerun_the_filter_only(count):
    planned = count(merged(TINY, postprocess={"percentiles": [1, 99]}))
    assert planned == list_jobs(AFTER_FILTER, ABLATED, TRACE, ratio_range=1, plot_ratios=1, pack_model=1)


@pytest.mark.parametrize("change", [{"tumor_kidney_overlap": 0.9}, {"kidney_components": 1}])
def test_changed_filter_reruns_post_processing_only(count, change):
    planned = count(merged(TINY, postprocess=change))
    assert planned == list_jobs(AFTER_FILTER, ABLATED, TRACE)


def test_changed_epochs_rerun_training_and_all_after_it(count):
    planned = count(merged(TINY, training={"epochs": 3}))
    assert planned == list_jobs(AFTER_FILTER, ABLATED, TRAINED)


def test_other_rows_retrain_the_tumor_network_only(count):
    planned = count(merged(TINY, slices={"tumor_rows": "all"}))
    once = {"train": 1, "plot_training": 1, "plot_network": 1}
    assert planned == list_jobs(AFTER_FILTER, ABLATED, TRACE, TRAINED, once)


def test_another_window_needs_no_extraction(count):
    planned = count(merged(TINY, slices={"hu_window": [-100, 300]}))
    assert "train" in planned
    assert "extract_slices" not in planned


def test_a_split_value_that_decides_nothing_plans_nothing(count):
    assert TINY["split"] == {"test_cases": 2}
    assert count(merged(TINY, split={"test_fraction": 0.2})) == {}
    assert count(merged(TINY, split={"seed": 1}))["train"] == 2


def test_trainings_depend_on_their_cases_and_not_on_how_these_were_checked_and_chosen(finished):
    planned = finished.planned(TINY, "--forcerun", "check_cohort")
    assert planned == {"check_cohort": 1, "all": 1, "total": 2}


def test_another_precision_reruns_the_networks_only(count):
    planned = count(merged(TINY, precision="bfloat16"))
    assert planned == list_jobs(AFTER_FILTER, ABLATED, TRAINED)


def test_forcerun_postprocess(finished):
    assert finished.planned(TINY, "--forcerun", "postprocess") == list_jobs(AFTER_FILTER)


def test_an_edited_module_reruns_what_it_decides(finished, copy_of):
    project = copy_of(finished)
    module = project.folder / "workflow/scripts/kidney_tumor/filter/postprocessing.py"
    module.write_text(module.read_text() + "\nedited = True\n")
    assert project.planned(TINY) == list_jobs(AFTER_FILTER, ABLATED, TRACE, ratio_range=1, plot_ratios=1, pack_model=1)


@pytest.mark.slow
@pytest.mark.parametrize("is_there", [True, False])
def test_the_state_of_a_training_goes_only_once_its_network_is_there(finished, copy_of, is_there):
    """Other jobs may run although a network is missing, whose training was interrupted."""
    project = copy_of(finished)
    results = project.folder / RESULTS
    state = results / "models" / "kidney.resume.pt"
    state.touch()
    (results / "figures" / "fig3.png").unlink()
    if not is_there:
        (results / "models" / "kidney.safetensors").unlink()
    result = project.snakemake(TINY, f"{RESULTS}/figures/fig3.png")
    assert result.returncode == 0, result.stdout
    assert "rule train" not in result.stdout
    assert state.exists() == (not is_there)


@pytest.mark.slow
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


@pytest.mark.parametrize(("device", "asked"), [("auto", {"train", "predict"}), ("cpu", set())])
def test_only_what_may_use_a_gpu_asks_for_one(project, device, asked):
    result = project.snakemake(merged(TINY, device=device), f"{RESULTS}/scores.tsv", "--dry-run", "--quiet", "host")
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?: .*\n)+)", result.stdout, re.MULTILINE)
    assert len(jobs) > 10
    assert {rule for rule, what in jobs if "gpu=1" in what} == asked


@pytest.mark.slow
def test_one_warning_without_a_gpu(finished, project):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    cohort_of(finished, project.folder / "cohort")
    few = {"data": {"cases": [0, 1, 2]}, "split": {"test_cases": 1}}
    config = merged(OWN, device="auto", training={"epochs": 1}, **few)
    result = project.snakemake(config, *(f"results/own/models/{target}.safetensors" for target in ("kidney", "tumor")))
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("No GPU found") == 1
    result = project.snakemake(config, "ratio_range", "--quiet", "host")
    assert "(Rule: ratio_range)" in result.stdout
    assert "No GPU found" not in result.stdout


def test_validation_cases_that_leave_none_to_train_on_are_refused(project):
    line = refused(project.snakemake(merged(TINY, training={"validation_cases": 3}), "--dry-run"))
    assert line == ("error: training.validation_cases: 3 of 3 training cases leave none to train on; lower the key")


@pytest.mark.slow
def test_the_threshold_trains_again_only_where_it_validates(finished):
    lower = merged(TINY, inference={"threshold": 0.4})
    assert "train" not in finished.planned(lower)
    validated = merged(TINY, training={"validation_cases": 1})
    lines = [
        line
        for config in (validated, merged(validated, inference={"threshold": 0.4}))
        for line in finished.snakemake(config, "--dry-run", "--printshellcmds", "--quiet", "host").stdout.splitlines()
        if "train.py" in line and "--target tumor" in line
    ]
    assert ["--threshold 0.5" in lines[0], "--threshold 0.4" in lines[1]] == [True, True]
    assert lines[1].replace("--threshold 0.4", "--threshold 0.5") == lines[0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [(["--cores", 2], 1), (["--cores", 7], 3), (["--cores", 64], 4), (["--cores", 4, "--jobs", 50], 4)],  # a cluster
)
def test_what_is_told_its_threads_leaves_half_of_this_machine(finished, project, options, expected):
    """The option of a script and the line of its rule belong together, or its pool has one worker for ever."""
    cohort_of(finished, project.folder / "cohort")
    result = project.snakemake(OWN, "--dry-run", "--printshellcmds", "--quiet", "host", *options)
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", result.stdout, re.MULTILINE)
    names = ("check_cohort", "measure_tumors", "measure_labels", "trace_labels")
    told = {rule: what for rule, what in jobs if rule in names}
    assert len(told) == 4
    assert {int((re.findall("    threads: (.+)\n", what) or [1])[0]) for what in told.values()} == {expected}
    commands = [line for line in result.stdout.splitlines() if any(f"{name}.py" in line for name in names)]
    assert [f" --threads {expected} " in line for line in commands] == [True] * 4
    for path in (ROOT / "workflow" / "rules").rglob("*.smk"):
        for rule in re.split(r"^ *(?:rule|checkpoint) ", path.read_text(), flags=re.MULTILINE):
            assert ("{threads}" in rule) == bool(re.search(r"^ +threads:", rule, re.MULTILINE)), rule.partition(":")[0]
