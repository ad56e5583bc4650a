"""The figures of docs/performance.md are those of the committed JSON files."""

import json
import re
import subprocess
import sys

import pytest
from conftest import ROOT

TABLES = ROOT / "benchmarks" / "tables.py"


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(TABLES.parent)
    import tables

    return tables


@pytest.fixture
def cohort(monkeypatch):
    monkeypatch.syspath_prepend(TABLES.parent)
    import cohort

    return cohort


def test_the_tables_are_the_files():
    result = subprocess.run([sys.executable, TABLES, "--check"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_a_figure_changed_by_hand_is_noticed(tables):
    document = tables.DOCUMENT.read_text()
    row = re.search(r"^\| here \| .*$", document, re.MULTILINE)[0]
    assert tables.render(document.replace(row, row.replace(" | ", " | 9", 1))) == document


def test_every_figure_has_its_place_and_date(tables):
    paths = list((ROOT / "benchmarks" / "results").glob("*.json"))
    stages = {"training", "inference", "extraction", "postprocessing", "scans"}
    assert stages <= {path.stem for path in paths}
    for path in paths:
        record = json.loads(path.read_text())
        assert record["command"].startswith(f"python benchmarks/{record['benchmark']}.py")
        assert {"cpu", "cores", "gpu", "versions"} <= set(record["machine"])
        assert re.fullmatch(r"[0-9a-f]{7,}", record["commit"]), "measured with uncommitted changes"


def test_what_a_run_took_is_read_from_the_records_of_snakemake(cohort, tmp_path):
    (tmp_path / "Snakefile").write_text(
        """
rule all:
    input: "1.a", "2.a", "b"
rule make_a:
    output: "{number}.a", "{number}.c"
    resources: mem_mb=1500, runtime=7
    shell: "sleep 0.5; touch {output}"
rule make_b:
    input: "1.a"
    output: "b"
    localrule: True
    resources: mem_mb=lambda wildcards, attempt: 300 * attempt
    shell: "touch {output}"
"""
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert cohort.read_requests(result.stdout + result.stderr) == {"make_a": 1500, "make_b": 300}
    jobs = cohort.read_jobs(tmp_path)
    assert jobs["rule"].value_counts().to_dict() == {"make_a": 2, "make_b": 1}
    first, second = jobs[jobs["rule"] == "make_a"].sort_values("starttime").to_dict("records")
    for job in (first, second):
        assert 0.4 < job["seconds"] < 10  # times of files are coarse, so that a mere touch may take none
    assert second["starttime"] - first["starttime"] > 0.4  # one after the other


def test_the_peak_of_a_rule_is_that_of_its_largest_job(cohort, tmp_path):
    for name, peak in (("train/kidney", "1000"), ("train/tumor", "2000"), ("score/case_00000", "NA"), ("check", "-")):
        path = tmp_path / "benchmarks" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tmax_rss\n1.5\t{peak}\n")
    peaks = cohort.read_peaks(tmp_path)
    assert peaks == {"train": 2097.152}
