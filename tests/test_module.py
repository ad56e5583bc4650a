"""The workflow as others find it: imported by another one, listed without data, asked for what it does not have."""

import subprocess
import sys

import pytest
import yaml
from conftest import NO_SWEEP, RESULTS, TINY, merged

IMPORTER = """
configfile: "own.yaml"
module kits:
    snakefile: "{clone}/Snakefile"
    config: {config}
use rule * from kits as kits_*
onsuccess: kits.onsuccess()
"""


TARGETS = {"all", "nnunet_dataset", "outcomes", "compare", "segment", "submission", "unknown_target"}


def snakemake(folder, *arguments):
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["config", "config['kidney']"])
def test_imported_it_gives_the_same_scores(finished, tmp_path, part):
    """And the pipeline of Figure 1, the provenance and the report, although the rules have other names there."""
    (tmp_path / "Snakefile").write_text(IMPORTER.format(clone=finished.folder, config=part))
    config = merged(TINY, ablation=NO_SWEEP)
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(config if part == "config" else {"kidney": config}))
    result = snakemake(tmp_path)
    assert result.returncode == 0, result.stderr
    for name in ("scores.tsv", "split.tsv", "figures/fig3.svg"):
        assert (tmp_path / RESULTS / name).read_bytes() == (finished.folder / RESULTS / name).read_bytes(), name
    assert "Dice on the test cases" in result.stdout + result.stderr
    assert (tmp_path / RESULTS / "provenance.json").exists()
    log = (tmp_path / RESULTS / "figures" / "fig1.png").read_bytes()
    assert log == (finished.folder / RESULTS / "figures" / "fig1.png").read_bytes()
    result = snakemake(tmp_path, "--report", "report.html")
    assert result.returncode == 0, result.stderr


def test_without_data_it_can_be_listed_and_linted(project):
    result = snakemake(project.folder, "--list-rules")
    assert result.returncode == 0, result.stderr
    rules = result.stdout.split()
    assert rules.count("predict") == 1
    scripts = {path.stem for path in (project.folder / "workflow" / "scripts").glob("*.py")}
    named = {rule.removesuffix("_scan") for rule in rules if rule not in scripts} - TARGETS
    assert named - {"read_dicom"} <= scripts  # scans go through the rules of the cases
    result = snakemake(project.folder, "--dry-run")
    assert result.returncode != 0
    assert "error: data.root: no cohort in data/kits19" in result.stderr


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("ratio_rnage", "ratio_rnage is not a target; did you mean ratio_range?"),
        ("ceiling", "ceiling is now called summarize_ceiling"),
        ("xyzzy", "xyzzy is not a target; `snakemake --list-rules` lists the targets"),
    ],
)
def test_a_mistyped_target_gets_the_nearest(project, target, said):
    result = project.snakemake(TINY, "--dry-run", target)
    assert result.returncode != 0
    assert f"error: {said}" in result.stdout
    assert "Traceback" not in result.stdout
