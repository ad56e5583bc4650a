"""Every script runs alone and explains itself."""

import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, SCRIPTS, run_script, save

NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py"))


def python(code):
    """Run code in a fresh interpreter with the package on its path, and return what it prints."""
    environment = {"PYTHONPATH": str(SCRIPTS)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment).stdout


@pytest.mark.parametrize("name", NAMES)
def test_help(explained, name):
    """Every script explains itself, and only those that train or draw a network import torch."""
    described = (SCRIPTS / f"{name}.py").read_text().split('"""')[1]
    assert "".join(described.split()) in "".join(explained[name].shown.split())
    assert explained[name].imports_torch == (name in ("train", "plot_network"))


@pytest.mark.parametrize(("program", "ends"), [("train.py", True), ("snakemake", False), ("-c", False), ("", False)])
def test_ctrl_c_ends_a_script_at_once_and_no_other_program(monkeypatch, program, ends):
    monkeypatch.chdir(SCRIPTS)
    shown = python(f"import sys; sys.argv[0] = {program!r}; import kidney_tumor, signal; print(signal.getsignal(2))")
    assert shown == f"{'0' if ends else '<built-in function default_int_handler>'}\n"


def test_a_user_error_is_one_line_and_leaves_nothing(tmp_path):
    save(tmp_path / "case_00003" / "segmentation.nii.gz", np.zeros((2, 3, 4), np.uint8))
    result = run_script(
        "extract_slices",
        "--image",
        tmp_path / "case_00003" / "imaging.nii.gz",
        "--label",
        tmp_path / "case_00003" / "segmentation.nii.gz",
        "--output",
        tmp_path / "out",
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: case_00003: ")
    assert "imaging.nii.gz is missing" in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_unwritable_output_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    components = tmp_path / "components.tsv"
    components.write_text("case\tcomponent\tvoxels\tratio_voxel\ncase_00000\t1\t10\t1.5\n")
    result = run_script("ratio_range", "--components", components, "--output", tmp_path / "file" / "range.json")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "file" in result.stderr


def test_the_snakefile_needs_no_torch():
    """The Snakefile imports no heavy package."""
    text = (ROOT / "workflow" / "rules" / "common.smk").read_text()
    imports = re.findall(r"^from kidney_tumor.*$", text, re.MULTILINE)
    code = "\n".join(["import sys", *imports, "print(sorted(sys.modules))"])
    loaded = python(code)
    assert "'kidney_tumor.data.cohort'" in loaded
    for heavy in ("torch", "numpy", "nibabel", "pandas", "matplotlib"):
        assert f"'{heavy}'" not in loaded
    assert "torch" not in (ROOT / "Snakefile").read_text()
