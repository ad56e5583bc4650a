"""The workflow as others find it: imported by another one, listed without data, asked for what it does not have."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import yaml
from conftest import NO_SWEEP, RESULTS, ROOT, TINY, merged
from helpers.warm import run_snakemake

from kidney_tumor.data.slices import open_slices, save_slices

IMPORTER = """
configfile: "own.yaml"
module kits:
    snakefile: "{clone}/Snakefile"
    config: {config}
use rule * from kits as kits_*
onstart: kits.onstart()
onsuccess: kits.onsuccess()
"""


MOVED = {"prefix": "'sub'", "replace_prefix": "{'results/': 'sub/results/'}"}
"""What an importer may write so that the results go elsewhere."""

TARGETS = {"all", "nnunet_dataset", "outcomes", "compare", "evaluate", "segment", "submission", "unknown_target"}


def snakemake(folder, *arguments, **environment):
    return run_snakemake(folder, "--cores", 2, *arguments, **environment)


def write_importer(folder, config, clone=ROOT, module="", rules=""):
    """Write a workflow that imports this one, with further lines of its statement `module` and further rules."""
    text = IMPORTER.format(clone=clone, config="config").replace("use rule *", f"{module}use rule *", 1)
    (folder / "Snakefile").write_text(text.replace("onstart:", f"{rules}onstart:"))
    (folder / "own.yaml").write_text(yaml.safe_dump(config))


@pytest.mark.slow
def test_imported_it_gives_the_same_results(finished, tmp_path):
    """A second run, in another folder, with the pipeline of Figure 1, the provenance and the report.

    They are the same although rules have other names there, one is taken once more, and the results have a prefix and
    lie beside those of another cohort, which a path that stayed behind would read. No part of the run's name reaches a
    shell unquoted.
    """
    run = "it's; touch oops"
    rules = "use rule train from kits as kits_train with:\n    resources:\n        mem_mb=4000\n"
    config = merged(TINY, run=run, ablation=NO_SWEEP)
    write_importer(tmp_path, config, finished.folder, module="    prefix: 'sub'\n", rules=rules)
    stale = shutil.copytree(finished.folder / RESULTS / "slices", tmp_path / "results" / run / "slices")
    for number, path in enumerate(sorted(stale.glob("*/images.npy"))):
        store = open_slices(path.parent)
        save_slices(path.parent, replace(store, images=store.images[::-1] + np.int16(number)))
    result = snakemake(tmp_path)
    assert result.returncode == 0, result.stderr
    assert not list(tmp_path.rglob("oops"))
    assert [path.name for path in (tmp_path / "results" / run).iterdir()] == ["slices"]
    results = tmp_path / "sub" / "results" / run
    assert not list(results.rglob("*.resume.pt"))
    names = ["scores.tsv", "summary.tsv", "effect.tsv", "split.tsv", "tumor_components.tsv"]
    names += [f"figures/{name}" for name in ("fig1.png", "fig3.svg", "fig3.pdf")]
    for name in names:
        assert (results / name).read_bytes() == (finished.folder / RESULTS / name).read_bytes(), name
    for target in ("kidney", "tumor"):
        name = f"models/{target}.safetensors"
        assert (results / name).read_bytes() == (finished.folder / RESULTS / name).read_bytes()
    assert "Dice on the test cases" in result.stdout + result.stderr
    assert (results / "provenance.json").exists()
    result = snakemake(tmp_path, "--report", "report.html")
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_prefixes_within_prefixes_are_followed_or_refused(tmp_path):
    """Those of a module that another module imports."""
    (tmp_path / "inner").mkdir()
    for outer, inner, place in (
        ("prefix: 'out'", "prefix: 'in'", "out/in/results/tiny"),
        ("replace_prefix: {'results/': 'out/'}", "", "out/tiny"),
        ("prefix: 'out'", "replace_prefix: {'results/': 'in/'}", None),
    ):
        write_importer(tmp_path / "inner", TINY, module=f"    {inner}\n")
        path = tmp_path / "inner" / "Snakefile"
        path.write_text(path.read_text().partition("onstart")[0])
        (tmp_path / "Snakefile").write_text(
            f"configfile: 'inner/own.yaml'\nmodule wrapped:\n    snakefile: 'inner/Snakefile'\n    config: config\n"
            f"    {outer}\nuse rule * from wrapped as w_*\n"
        )
        result = snakemake(tmp_path, "--dry-run", "--printshellcmds")
        if place is None:
            assert "error: replace_prefix: modules within modules" in result.stderr
            assert result.returncode == 1
        else:
            assert result.returncode == 0, result.stderr
            assert set(re.findall(r"[^\s='\"]*/tiny(?=/)", result.stdout)) == {place}


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


@pytest.mark.parametrize("kind", MOVED)
def test_if_an_importer_moves_the_results_no_path_stays_behind(tmp_path, kind):
    """Of no rule: neither an input, an output, a log nor a word of its command."""
    write_importer(tmp_path, TINY, module=f"    {kind}: {MOVED[kind]}\n")
    result = snakemake(tmp_path, "--dry-run", "--printshellcmds")
    assert result.returncode == 0, result.stderr
    found = re.findall(r"[^\s='\"]*results/tiny", result.stdout)
    assert len(found) > 500
    assert set(found) == {"sub/results/tiny"}


def test_a_package_named_kits_a_safe_path_and_the_c_locale_do_not_disturb(tmp_path):
    write_importer(tmp_path, TINY)
    (tmp_path / "kits.py").write_text("own = True\n")
    path = tmp_path / "Snakefile"
    path.write_text(f"import sys; sys.path.insert(0, '.')\nfrom kits import own\n{path.read_text()}")
    goal = f"{RESULTS}/slices/case_00000/slices.json"
    result = snakemake(tmp_path, goal, PYTHONSAFEPATH="1", LC_ALL="C")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / goal).is_file()


def test_a_python_without_the_packages_is_told_when_jobs_are_planned(project):
    """Not by a traceback of each job."""
    start = "import sys; sys.modules['torch'] = sys.modules['scipy'] = None; from snakemake.cli import main; main()"
    command = [sys.executable, "-c", start, "--cores", "2", "--dry-run", "--configfile", "config/demo.yaml"]
    result = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: {sys.executable} has no ")
    assert line.endswith("(`make .venv` installs it), or install envs/requirements.txt")
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_without_data_it_can_be_listed_and_linted(project):
    result = snakemake(project.folder, "--list-rules")
    assert result.returncode == 0, result.stderr
    described = re.findall(r"^(\w+) \([A-Z].+\.\)$", result.stdout, re.MULTILINE)
    rules = [line.split()[0] for line in result.stdout.splitlines()]
    assert described == rules
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
        ("xyzzy", "xyzzy is not a target; `snakemake --list-rules` lists the targets"),
    ],
)
def test_a_mistyped_target_gets_the_nearest(project, target, said):
    result = project.snakemake(TINY, "--dry-run", target)
    assert result.returncode != 0
    assert f"error: {said}" in result.stdout
    assert "Traceback" not in result.stdout
