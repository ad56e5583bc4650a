"""The provenance that is recorded in the folder of a run."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, SCRIPTS

from kidney_tumor import provenance

RECORD = dict.fromkeys(("commit", "device", "versions", "started", "seconds"))


def add_training(folder, part, target, epochs):
    """The record of a trained network, and how long that took: a second for each epoch."""
    for path, content in (
        (folder / f"{part}models/{target}.json", json.dumps(RECORD | {"epochs_run": epochs})),
        (folder / f"benchmarks/{part}train/{target}.tsv", f"s\n{epochs}\n"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.mark.parametrize(
    ("splits", "models"),
    [
        (1, {"kidney": 1, "tumor": 2}),
        (2, {"split_1/kidney": 3, "split_1/tumor": 4, "split_2/kidney": 5, "split_2/tumor": 6}),
    ],
)
def test_the_models_are_those_of_the_runs_splits(tmp_path, splits, models):
    """Results of a run with another number of splits lie in the same folder and are not recorded."""
    for number, part in enumerate(("", "split_1/", "split_2/", "split_3/")):
        for order, target in enumerate(("kidney", "tumor"), 1):
            add_training(tmp_path, part, target, 2 * number + order)
    provenance.write_provenance(str(tmp_path), {"split": {"repeats": splits}}, started=0)
    record = json.loads((tmp_path / "provenance.json").read_text())
    assert {name: model["epochs_run"] for name, model in record["models"].items()} == models


def test_a_rules_time_is_that_of_all_splits(tmp_path):
    add_training(tmp_path, "split_1/", "kidney", 3)
    add_training(tmp_path, "split_2/", "kidney", 5)
    provenance.write_provenance(str(tmp_path), {"split": {"repeats": 2}}, started=0)
    record = json.loads((tmp_path / "provenance.json").read_text())
    assert record["rules"] == {"train": {"jobs": 2, "seconds": 8}}


def test_the_times_of_each_rule_are_kept_under_its_name():
    """Of the scans, too, whose rules are variants of others: the folder of a benchmark is the name of its rule."""
    found = {}
    for path in (ROOT / "workflow" / "rules").rglob("*.smk"):
        parts = re.split(
            r"^ *(?:rule|checkpoint|use rule \w+ as) (\w+)[^:\n]*:\n", path.read_text(), flags=re.MULTILINE
        )
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            for benchmark in re.findall(r'benchmark:\s+f?"<benchmarks>/(?:{split})?([^"/]+)(?:/[^"]*)?"', body):
                found[name] = benchmark.removesuffix(".tsv")
    assert {"train", "predict", "predict_scan", "convert_scan", "check_cohort"} <= set(found)
    assert all(name == folder for name, folder in found.items()), found


def test_a_copy_in_another_repository_has_no_commit_of_its_own(tmp_path):
    """Neither that repository's commit nor its changes are those of the code; those of a clone are."""
    code = tmp_path / "outer" / "kidney"
    shutil.copytree(SCRIPTS, code / "workflow" / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    ask = "import sys; sys.path.insert(0, 'workflow/scripts'); from kidney_tumor import provenance as p; "
    ask += "print(p.read_commit(), p.has_uncommitted_changes())"

    def commit(folder):
        git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b.c"]
        for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "First"]):
            subprocess.run([*git, *words], check=True)
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    def answer():
        return subprocess.run([sys.executable, "-c", ask], cwd=code, capture_output=True, text=True).stdout.strip()

    assert answer() == "None None"
    commit(tmp_path / "outer")
    assert answer() == "None None"
    own = commit(code)
    assert answer() == f"{own} False"
