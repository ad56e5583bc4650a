"""What each script imports: its start is most of what a job of a small case costs."""

import subprocess
import sys

import pandas as pd
import pytest
from conftest import SCRIPTS

from kidney_tumor import rows, tables
from kidney_tumor.errors import UserError
from kidney_tumor.sources import find_packages

NETWORKS = {"train", "predict", "plot_network"}
DRAWING = {
    "plot_dice", "plot_network", "plot_pipeline", "plot_ratios", "plot_references", "plot_slice", "plot_surfaces",
    "plot_training", "range_transfer", "summarize_ablation", "summarize_agreement", "summarize_comparison",
    "summarize_evaluation", "summarize_morphometry", "summarize_outcomes", "summarize_traces",
}  # fmt: skip
SURFACES = {"plot_surfaces", "write_viewer"}
TABLES = DRAWING - {"plot_network", "plot_pipeline", "plot_slice"} | {
    "compare_case", "compare_reader", "evaluate_case", "make_record", "measure_cohort", "measure_tumors", "pack_model",
    "ratio_range", "read_record", "show_summary", "summarize", "summarize_readers", "write_first_page",
    "write_model_card", "compare_operations", "measure_patients", "replicate_outcomes", "summarize_criteria",
}  # fmt: skip
"""The scripts that work on tables of many cases, or score other methods."""
IMPORTERS = {
    "torch": NETWORKS,
    "pydicom": {"read_scan", "write_dicom_seg"},
    "pandas": TABLES,
    "matplotlib": DRAWING,
    "skimage": SURFACES,
}
"""The packages that take longest, and the scripts that import each."""


def list_loaded(code):
    """The modules that are loaded when some code has run beside the scripts."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    return set(subprocess.run(command, cwd=SCRIPTS, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("package", IMPORTERS)
def test_a_slow_package_is_imported_only_where_it_is_needed(package):
    scripts = {path.stem for path in SCRIPTS.glob("*.py") if package in find_packages(path)}
    assert scripts == IMPORTERS[package]


def test_nibabel_does_not_load_pydicom():
    """Nor does a script on its way; the reader of DICOM has it, before or after."""
    for script in ("extract_slices", "read_scan"):
        assert "nibabel" in (loaded := list_loaded(f"import {script}"))
        assert not {"pydicom", *IMPORTERS} & loaded
    assert "pydicom.pixels" in list_loaded("import extract_slices, kidney_tumor.scans.dicom")


def test_determinism_does_not_load_the_compiler_of_torch():
    """It is that of `torch.use_deterministic_algorithms`: what has no such algorithm is an error."""
    code = """
import argparse, torch
from kidney_tumor.networks.device import choose_device
given = {"device": "cpu", "precision": "float32", "threads": 1}
for word, expected in (("true", True), ("false", False), ("auto", True)):
    choose_device(argparse.Namespace(deterministic=word, **given))
    assert torch.are_deterministic_algorithms_enabled() is expected
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
"""
    loaded = list_loaded(code)
    assert "torch" in loaded
    assert "torch._inductor" not in loaded


def watch_garbage(script, name):
    """Whether garbage is searched for after the package is imported, and whether so at the end, and among what."""
    code = f"""
import gc, runpy, sys
sys.argv = [{script!r}, "--help"]
import kidney_tumor
print(gc.isenabled())
try:
    runpy.run_path("sort_scans.py", run_name={name!r})
except SystemExit:
    pass
print(gc.isenabled(), gc.get_freeze_count() > 10_000)
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, check=True, capture_output=True, text=True)
    first, *_, last = result.stdout.splitlines()
    return first, last


@pytest.mark.parametrize(
    ("script", "name", "expected"),
    [
        ("sort_scans.py", "__main__", ("False", "True True")),
        ("sort_scans.py", "__mp_main__", ("False", "True False")),  # a script's worker that is not forked
        ("-c", "sort_scans", ("True", "True False")),
    ],
)
def test_only_a_script_leaves_its_imports_out_of_the_search_for_garbage(script, name, expected):
    """That search takes half a second for PyTorch when a script ends; who imports the package has its own ways."""
    assert watch_garbage(script, name) == expected


ROWS = [
    {"name": "a, b", "count": 3, "share": 1 / 3, "is_good": True, "note": ""},
    {"name": 'of "quotes"', "count": 0, "share": float("nan"), "is_good": False, "note": "1.5"},
    {"name": "c", "count": -1, "share": float("inf"), "is_good": True, "note": "a\tb"},
]


def test_rows_are_written_as_pandas_would(tmp_path):
    rows.write_rows(tmp_path / "rows.tsv", ROWS)
    tables.write_table(tmp_path / "table.tsv", pd.DataFrame(ROWS))
    assert (tmp_path / "rows.tsv").read_bytes() == (tmp_path / "table.tsv").read_bytes()
    read = rows.read_rows(tmp_path / "rows.tsv", "share", "note")
    assert [row["name"] for row in read] == [row["name"] for row in ROWS]
    assert [row["note"] for row in read] == [row["note"] for row in ROWS]
    assert [row["share"] for row in read] == ["0.333333", "nan", "inf"]
    rows.write_rows(tmp_path / "none.tsv", [], ("scan", "problem"))
    assert (tmp_path / "none.tsv").read_text() == "scan\tproblem\n"
    assert rows.read_rows(tmp_path / "none.tsv", "scan") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a table"),
        (b"a\tb\n1\n", "is not a table"),
        (b"\xff\xfe\n", "is not a table"),
        (b"a\tb\n1\t2", "ends within a line"),
        (b"a\tc\n1\t2\n", "lacks the columns b"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, content, message):
    (tmp_path / "x.tsv").write_bytes(content)
    with pytest.raises(UserError, match=rf"x\.tsv {message}.*rm .*x\.tsv"):
        rows.read_rows(tmp_path / "x.tsv", "a", "b")
