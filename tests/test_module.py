"""The workflow as others find it: imported by another one, listed without data, asked for what it does not have."""

import subprocess
import sys

import pytest
import torch
import yaml
from conftest import NO_SWEEP, RESULTS, TINY, merged

IMPORTER = """
configfile: "own.yaml"
module kits:
    snakefile: "{clone}/Snakefile"
    config: {config}
use rule * from kits as kits_*
onstart: kits.onstart()
onsuccess: kits.onsuccess()
"""


TARGETS = {"all", "nnunet_dataset", "outcomes", "compare", "segment", "submission", "unknown_target"}


def snakemake(folder, *arguments):
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_imported_it_gives_the_same_results(finished, tmp_path):
    """A second run, in another folder, with the pipeline of Figure 1, the provenance and the report.

    They are the same although the rules have other names there. No part of the run's name reaches a shell unquoted.
    """
    run = "it's; touch oops"
    (tmp_path / "Snakefile").write_text(IMPORTER.format(clone=finished.folder, config="config"))
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(merged(TINY, run=run, ablation=NO_SWEEP)))
    result = snakemake(tmp_path)
    assert result.returncode == 0, result.stderr
    assert not list(tmp_path.rglob("oops"))
    results = tmp_path / "results" / run
    names = ["scores.tsv", "summary.tsv", "effect.tsv", "split.tsv", "tumor_components.tsv"]
    names += [f"figures/{name}" for name in ("fig1.png", "fig3.svg", "fig3.pdf")]
    for name in names:
        assert (results / name).read_bytes() == (finished.folder / RESULTS / name).read_bytes(), name
    for target in ("kidney", "tumor"):
        states = [torch.load(folder / f"models/{target}.pt") for folder in (results, finished.folder / RESULTS)]
        weights = [state["state_dict"] for state in states]
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert "Dice on the test cases" in result.stdout + result.stderr
    assert (results / "provenance.json").exists()
    result = snakemake(tmp_path, "--report", "report.html")
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_imported_with_a_part_of_a_configuration_it_gives_the_same_results(finished, copy_of):
    """Nothing is to be done where all is there, so each rule has the parameters it had; and what is not is made."""
    project = copy_of(finished)
    (project.folder / "Snakefile.importer").write_text(IMPORTER.format(clone=".", config="config['kidney']"))
    (project.folder / "own.yaml").write_text(yaml.safe_dump({"kidney": TINY}))
    importer = ["--snakefile", "Snakefile.importer"]
    assert "Nothing to be done" in snakemake(project.folder, *importer, "--dry-run").stdout
    names = ["scores.tsv", "split.tsv", "figures/fig3.svg", "figures/fig1.png"]
    for name in [*names, "provenance.json"]:
        (project.folder / RESULTS / name).unlink()
    result = snakemake(project.folder, *importer)
    assert result.returncode == 0, result.stderr
    for name in names:
        assert (project.folder / RESULTS / name).read_bytes() == (finished.folder / RESULTS / name).read_bytes(), name
    assert "Dice on the test cases" in result.stdout + result.stderr
    assert (project.folder / RESULTS / "provenance.json").exists()
    result = snakemake(project.folder, *importer, "--report", "report.html")
    assert result.returncode == 0, result.stderr


def test_without_data_it_can_be_listed_and_linted(project):
    result = snakemake(project.folder, "--list-rules")
    assert result.returncode == 0, result.stderr
    rules = result.stdout.split()
    assert rules.count("predict") == 1
    scripts = {path.stem for path in (project.folder / "workflow" / "scripts").glob("*.py")}
    named = {rule.removesuffix("_scan") for rule in rules if rule not in scripts} - TARGETS
    assert named - {"convert"} <= scripts  # scans go through the rules of the cases
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
