"""Faults during a run: damaged intermediate files, a full disk, read-only data, two runs at once, several GPUs."""

import os
import re
import shutil
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import OWN, RESULTS, ROOT, TINY, cohort_of, errors, list_training_cases, merged, refused, run_script
from helpers.warm import run_snakemake

from kidney_tumor.data.slices import load_stored
from kidney_tumor.networks import models
from kidney_tumor.scans.folder import parse_name

pytestmark = pytest.mark.slow

ROOTED = os.geteuid() == 0 if hasattr(os, "geteuid") else False
NETWORK = ["--base-channels", 2, "--depth", 2, "--epochs", 1, "--device", "cpu", "--threads", 1, "--negatives", 0]


def flip(path, where=0.5):
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * where)] ^= 1
    path.write_bytes(content)


def truncate(path, count=100):
    path.write_bytes(path.read_bytes()[:-count])


def swap(first, second):
    """Swap two files or folders; each name keeps its time."""
    files = [path.relative_to(first) for path in first.rglob("*")] if first.is_dir() else [Path()]
    for name in files:
        kept = (first / name).read_bytes()
        (first / name).write_bytes((second / name).read_bytes())
        (second / name).write_bytes(kept)


def prediction(results, number, target="tumor"):
    return sorted((results / "predictions").iterdir())[number] / f"{target}.nii.gz"


DAMAGE = {
    "flipped bits of slices": (lambda r: flip(r / "slices/case_00000/images.npy"), "case_00000/images.npy", "train"),
    "flipped bits of labels": (lambda r: flip(r / "slices/case_00001/labels.npy"), "case_00001/labels.npy", "train"),
    "a truncated model": (lambda r: truncate(r / "models/kidney.safetensors"), "models/kidney.safetensors", "predict"),
    "flipped bits of a model": (lambda r: flip(r / "models/tumor.safetensors"), "models/tumor.safetensors", "predict"),
    "a truncated prediction": (lambda r: truncate(prediction(r, 0)), "tumor.nii.gz", "postprocess"),
    "flipped bits of a prediction": (lambda r: flip(prediction(r, 0), 0.9), "tumor.nii.gz", "postprocess"),
    "predictions of two cases swapped": (
        lambda r: swap(prediction(r, 0), prediction(r, 1)), "tumor.nii.gz", "postprocess",
    ),
    "predictions of two targets swapped": (
        lambda r: swap(prediction(r, 0), prediction(r, 0, "kidney")), "kidney.nii.gz", "postprocess",
    ),
    "segmentations swapped": (
        lambda r: swap(*sorted((r / "segmentations").glob("*.nii.gz"))), "segmentations/", "score",
    ),
    "slices of two cases swapped": (
        lambda r: swap(r / "slices/case_00000", r / "slices/case_00001"), "slices/case_0000", "train",
    ),
    "a truncated table": (lambda r: truncate(r / "tumor_components.tsv"), "tumor_components.tsv", "ratio_range"),
    "a truncated split": (lambda r: truncate(r / "split.tsv", 3), "split.tsv", "summarize"),
    "a truncated range": (lambda r: truncate(r / "ratio_range.json"), "ratio_range.json", "postprocess"),
}  # fmt: skip
REBUILT = ["flipped bits of slices", "a truncated model", "predictions of two cases swapped", "a truncated table"]

GOAL = f"{RESULTS}/scores.tsv"


def found(project, what):
    """Damage a finished run, run the rule that reads it, and return the error lines that say how to rebuild."""
    damage, name, rule = DAMAGE[what]
    damage(project.folder / RESULTS)
    result = project.snakemake(TINY, GOAL, "--forcerun", rule, "--rerun-triggers", "mtime")
    assert result.returncode == 1
    lines = [line for line in errors(result.stdout) if "`rm " in line]
    assert lines
    assert all(name in line for line in lines)
    assert "Traceback" not in result.stdout
    return lines


@pytest.mark.parametrize("what", sorted(DAMAGE.keys() - REBUILT))
def test_damage_is_found_where_it_is_read(finished, copy_of, what):
    found(copy_of(finished), what)


@pytest.mark.parametrize("what", REBUILT)
def test_damage_is_found_and_rebuilt_as_the_error_says(finished, copy_of, what):
    """After the damaged file is removed as the error says, the same command gives the same scores."""
    project = copy_of(finished)
    scores = (project.folder / GOAL).read_bytes()
    lines = found(project, what)
    for _ in range(2):  # a swap is found in one of two, then in the other
        for command in {re.search(r"`(rm .*?)`", line)[1] for line in lines}:  # two jobs may name one file
            subprocess.run(command, shell=True, cwd=project.folder, check=True)
        result = project.snakemake(TINY, GOAL, "--rerun-triggers", "mtime")
        lines = [line for line in errors(result.stdout) if "`rm " in line]
        if not lines:
            break
    assert result.returncode == 0, result.stdout
    assert (project.folder / GOAL).read_bytes() == scores


def test_a_full_disk(finished, small_disk, tmp_path):
    """A full disk gives one line of error and no incomplete file, and the same command succeeds once there is room."""
    disk, make_room = small_disk
    results = finished.folder / RESULTS
    case, kept = results / "cohort/case_00000", results / "slices"
    large = tmp_path / "large"
    shutil.copytree(case, large)
    trained = [
        "--target",
        "kidney",
        "--cases",
        *list_training_cases(results),
        "--slices",
        kept,
        *NETWORK,
        "--base-channels",
        8,
        "--epochs",
        2,  # a state that cannot be written is noticed when the next one is due
    ]
    models = [
        "--kidney-model",
        results / "models/kidney.safetensors",
        "--tumor-model",
        results / "models/tumor.safetensors",
    ]
    predicted = ["--slices", kept, "--cases", "case_00000", *models, "--device", "cpu"]
    (disk / "fill").write_bytes(bytes(60 * 1024))
    commands = {
        "slices/images.npy": ("extract_slices", "--image", large / "imaging.nii.gz", "--label",
                              large / "segmentation.nii.gz", "--size", 64, "--output", disk / "slices"),
        "kidney.resume.pt": ("train", *trained, "--output", disk / "kidney.safetensors"),
        "case_00000/kidney.nii.gz": ("predict", *predicted, "--output", disk),
    }  # fmt: skip
    for name, command in commands.items():
        if name.startswith("case"):
            (disk / "fill").write_bytes(bytes(64 * 1024))
        result = run_script(*command)
        assert result.returncode == 1, name
        assert result.stderr == f"error: {disk / name}: No space left on device\n"
        assert [path.name for path in disk.rglob("*") if path.is_file()] == ["fill"]
    make_room()
    for command in commands.values():
        result = run_script(*command)
        assert result.returncode == 0, result.stderr
    assert (disk / "kidney.safetensors").exists()


def test_a_read_only_cohort_works(finished, project):
    root = cohort_of(finished, project.folder / "cohort")
    for path in [root, *root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    if ROOTED:  # file modes do not restrict root
        subprocess.run(["mount", "--bind", root, root], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", root], check=True)
    try:
        goals = ("cohort.tsv", "trace.tsv", "slices/case_00000/slices.json")
        result = project.snakemake(OWN, *(f"results/own/{goal}" for goal in goals))
    finally:
        if ROOTED:
            subprocess.run(["umount", root], check=True)
    assert result.returncode == 0, result.stdout
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_a_volume_from_the_future_is_named_before_work_begins(finished, project):
    """Snakemake would throw away what is made of it."""
    cohort = cohort_of(finished, project.folder / "cohort")
    late = cohort / "case_00003" / "imaging.nii.gz"
    os.utime(late, (4e9, 4e9))
    line = refused(project.snakemake(OWN, "check_cohort"))
    assert "cohort/case_00003/imaging.nii.gz: the time of the last change, " in line
    command = "find cohort/case_00003 -newermt now -exec touch {} +"
    assert line.endswith(f"set such times to now: {command}")
    assert not (project.folder / "results" / "own").exists()
    os.utime(cohort / "case_00001" / "segmentation.nii.gz", (4e9, 4e9))
    line = refused(project.snakemake(OWN, "check_cohort"))
    assert "cohort/case_00001/segmentation.nii.gz and 1 other files: " in line
    assert line.endswith("set such times to now: find cohort -newermt now -exec touch {} +")
    subprocess.run(line.rpartition(": ")[2], shell=True, cwd=project.folder, check=True)
    assert project.snakemake(OWN, "check_cohort").returncode == 0


def test_a_second_run_is_locked_out(project):
    path = project.folder / "user.yaml"
    path.write_text(yaml.safe_dump(TINY))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", path.name]
    first = subprocess.Popen(command, cwd=project.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    locks = project.folder / ".snakemake" / "locks"
    while not (locks.is_dir() and any(locks.iterdir())):
        assert first.poll() is None
        time.sleep(0.05)
    second = project.snakemake(TINY)
    first.terminate()
    first.wait()
    assert second.returncode == 1
    assert "--unlock" in second.stdout
    assert "no other Snakemake process" in re.sub(r"\s+", " ", second.stdout)


def test_jobs_at_once_take_different_gpus(finished, copy_of):
    """Both trainings of a run with two GPUs, by name; this machine need not have them."""
    project = copy_of(finished)
    (project.folder / "user.yaml").write_text(
        yaml.safe_dump(merged(TINY, device="auto", training={"epochs": 30, "early_stopping_patience": 30}))
    )
    profile = ["--profile", str(ROOT / "profiles" / "local-gpu")]
    goals = [f"{RESULTS}/models/{target}.safetensors" for target in ("kidney", "tumor")]
    words = [*goals, *profile, "--configfile", "user.yaml"]
    result = run_snakemake(project.folder, *words, CUDA_VISIBLE_DEVICES="0,1", TMPDIR=str(project.folder))
    assert result.returncode == 0, result.stderr
    logs = [(project.folder / RESULTS / f"logs/train/{target}.log").read_text() for target in ("kidney", "tumor")]
    assert sorted(re.search(r"^GPU (\d) ", log, re.MULTILINE)[1] for log in logs) == ["0", "1"]


def test_a_model_that_would_run_code_is_refused(tmp_path, finished):
    """A pickle that calls a function is not loaded, whatever its name."""

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "oops"),)

    torch.save({"state_dict": Evil()}, tmp_path / "kidney.safetensors")
    results = finished.folder / RESULTS
    models = ["--kidney-model", tmp_path / "kidney.safetensors", "--tumor-model", results / "models/tumor.safetensors"]
    cases = ["--slices", results / "slices", "--cases", "case_00000", "--output", tmp_path / "out"]
    result = run_script("predict", *cases, *models, "--device", "cpu")
    assert result.returncode == 1
    assert "kidney.safetensors is damaged" in result.stderr
    assert not (tmp_path / "oops").exists()


def test_a_case_cannot_leave_its_folder(finished, tmp_path):
    results = finished.folder / RESULTS
    models = [
        "--kidney-model",
        results / "models/kidney.safetensors",
        "--tumor-model",
        results / "models/tumor.safetensors",
    ]
    cases = ["--slices", results / "slices", "--cases", "../../etc", "--output", tmp_path / "out"]
    result = run_script("predict", *cases, *models, "--device", "cpu")
    assert result.returncode != 0
    assert "is not the name of a case or a scan" in result.stderr
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("name", ["case_0000/../../x", "/tmp/case_00000", "case_00000\n"])
def test_a_path_is_no_name_of_a_case(name):
    with pytest.raises(ArgumentTypeError, match="is not the name of a case or a scan"):
        parse_name(name)


def test_what_cannot_be_read_now_is_not_called_damaged(finished, monkeypatch):
    """A temporary error of the file system is no reason to delete a model or slices."""
    results = finished.folder / RESULTS

    def stale(*_):
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(np, "load", stale)
    with pytest.raises(OSError, match="Stale"):
        load_stored(results / "slices/case_00000", "images.npy")
    monkeypatch.setattr(Path, "read_bytes", stale)
    with pytest.raises(OSError, match="Stale"):
        models.load_model(results / "models/kidney.safetensors", "kidney")
