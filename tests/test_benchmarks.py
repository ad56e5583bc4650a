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


def test_the_tables_are_the_files():
    result = subprocess.run([sys.executable, TABLES, "--check"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_a_figure_changed_by_hand_is_noticed(tables):
    document = tables.DOCUMENT.read_text()
    row = re.search(r"^\| here \| .*$", document, re.MULTILINE)[0]
    assert tables.render(document.replace(row, row.replace(" | ", " | 9", 1))) == document


def test_every_figure_has_its_place_and_date(tables):
    paths = list((ROOT / "benchmarks" / "results").glob("*.json"))
    stages = {"training", "inference", "extraction", "postprocessing", "scans", "workflow"}
    assert stages <= {path.stem for path in paths}
    for path in paths:
        record = json.loads(path.read_text())
        assert record["command"].startswith(f"python benchmarks/{record['benchmark']}.py")
        assert {"cpu", "cores", "gpu", "versions"} <= set(record["machine"])
        assert re.fullmatch(r"[0-9a-f]{7,}", record["commit"]), "measured with uncommitted changes"
