"""The commands that README.md and docs/ name: what they name is there, each can be planned, and what is short runs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import kidney
import pytest
import yaml
from conftest import ROOT, SCRIPTS, TINY, cohort_of, merged
from helpers.warm import run_snakemake

from kidney_tumor import configuration, schema

PAGES = [ROOT / "README.md", ROOT / "config" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
VALUED = {"--cores", "--resources", "--configfile", "--config", "--report", "--profile", "--rerun-triggers"}
"""Options of Snakemake that take values, up to the next option."""


def list_commands():
    """List the commands of all code blocks, a line each, with the page."""
    for page in PAGES:
        for block in re.findall(r"^```\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith((".venv/bin/snakemake", ".venv/bin/kidney", ".venv/bin/python workflow")):
                    yield page.relative_to(ROOT).as_posix(), line


def split_command(line):
    """Split a command as a shell does, with places in angle brackets as one word."""
    return shlex.split(re.sub(r"<[^>]*>", "some_folder", line), comments=True)


def read_snakemake(words):
    """Read the targets, the settings and the files of a command of Snakemake."""
    targets, settings, files, option = [], {}, [], ""
    for word in words:
        if word.startswith("-"):
            option = word if word in VALUED else ""
        elif option == "--config":
            key, _, value = word.partition("=")
            settings[key] = yaml.safe_load(value)
        elif option in ("--configfile", "--profile"):
            files.append(word)
        elif not option:
            targets.append(word)
    return targets, settings, files


COMMANDS = list(dict.fromkeys(list_commands()))


def test_pages_have_commands():
    assert len(COMMANDS) > 30


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[line for _, line in COMMANDS])
def test_a_command_names_what_is_there(page, line):
    program, *words = split_command(line)
    if program.endswith("kidney"):
        cut = words.index("--") if "--" in words else len(words)
        kidney.make_parser().parse_args(words[:cut])
        return
    if program.endswith("python"):
        assert (ROOT / words[0]).is_file()
        return
    rules = set(re.findall(r"^\s*rule (\w+)", "\n".join(map(read_rules, (ROOT / "workflow").rglob("*"))), re.MULTILINE))
    targets, settings, files = read_snakemake(words)
    for target in targets:
        assert target in rules or target.startswith("results/"), target
    for file in files:
        assert file == "my.yaml" or (ROOT / file).exists(), file
    if "...as above..." not in line:
        config = merged(schema.read_defaults(), **settings)
        configuration.parse_texts(config)
        configuration.validate(config)


FOLDERS = ["labels", "predictions", "nnunet_out", "second_reader", "corrected", "path/to/predictions", "data/kits19",
           "results/other/segmentations", "results/mine/nnunet/nnUNet_results/Dataset719_KidneyTumor/"
           "nnUNetTrainer__nnUNetPlans__2d/fold_0/validation"]  # fmt: skip
"""The folders with cases, and files with scans, that the commands name."""
SCANS = ["ct.nii.gz", "other.nii.gz", "path/to/ct.nii.gz", "my_scans/a.nii.gz", "folder_with_scans/b.nii.gz",
         "out/scans/case_00000/imaging.nii.gz"]  # fmt: skip

PLACES = {"<the data folder of KiTS19>": "data/kits19", "<KiTS19>": "labels", "<KiTS23>": "second_reader",
          "<a folder of other labels of the same cases>": "second_reader"}  # fmt: skip
"""What stands for the words in angle brackets; all others mean a folder of other patients."""


@pytest.fixture(scope="module")
def reader(finished, tmp_path_factory):
    """A copy of the workflow in which a reader has all that the commands name."""
    folder = tmp_path_factory.mktemp("reader") / "project"
    shutil.copytree(finished.folder, folder, ignore=shutil.ignore_patterns("locks", "log", ".snakemake", "user_*.yaml"))
    cohort = cohort_of(finished, folder / "cohort")
    (folder / "my.yaml").write_text(
        yaml.safe_dump(merged(TINY, run="mine", data={"root": "cohort", "source": "kits19"}))
    )
    for name in FOLDERS:
        shutil.copytree(cohort, folder / name)
    case, record = cohort / "case_00000", json.loads((cohort / "kits.json").read_text())
    for number in range(5, 30):  # as many as the paper's split needs
        shutil.copytree(case, folder / "data/kits19" / f"case_{number:05d}")
        record.append(record[number % 5] | {"case_id": f"case_{number:05d}"})
    (folder / "data/kits19/kits.json").write_text(json.dumps(record))
    for entry in record:
        entry["case_id"] = entry["case_id"].replace("case", "patient")
        shutil.copytree(case, folder / "some_folder" / entry["case_id"])
    (folder / "some_folder/kits.json").write_text(json.dumps(record))
    hidden = [f"data/kits19/case_{number:05d}/imaging.nii.gz" for number in range(210, 300)]
    for name in [*SCANS, *hidden]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(case / "imaging.nii.gz", folder / name)
    shutil.copy(case / "segmentation.nii.gz", folder / "out/scans/case_00000")
    shutil.copytree(folder / "results/tiny/models", folder / "results/mine/models", dirs_exist_ok=True)
    return folder


def is_planned(line):
    """Whether a command plans jobs of its own: a profile wants a cluster, and `...` stands for the line above."""
    return "python" not in line and "--profile" not in line and "...as above..." not in line


def is_short(line):
    """Whether a command takes seconds on what the reader has: none trains networks as large as the demo's."""
    trains = ("my.yaml" not in line and "gpu=1" in line) or "demo.yaml" in line or "synthetic.yaml" in line
    return is_planned(line) and not trains


def call(folder, line, *further):
    """Call a command in the reader's folder; return what it says if it succeeds."""
    for words, place in PLACES.items():
        line = line.replace(words, place)
    program, *words = split_command(line)
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    if program.endswith("kidney"):
        passed = ["--"] if further and "--" not in words else []
        command = [sys.executable, SCRIPTS / "kidney.py", *words, *passed, *further]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | {"PATH": path})
    else:
        result = run_snakemake(folder, *further, *words, PATH=path)  # after `--`, a word is a target
    assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
    return result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for _, line in COMMANDS if is_planned(line) and not is_short(line)])
def test_what_is_long_can_be_planned(reader, line):
    said = call(reader, line, "--dry-run")
    assert "Job stats:" in said or "Nothing to be done" in said, said


@pytest.mark.slow
def test_what_is_short_runs(reader):
    lines = [line for _, line in COMMANDS if is_short(line)]
    assert len(lines) > 20
    for line in lines:
        call(reader, line)
    for name in ("my_scans/scans.html", "my_scores/evaluation.tsv", "score/evaluation.tsv", "results/mine/scores.tsv"):
        assert (reader / name).is_file(), name


def read_rules(path):
    return path.read_text() if path.suffix == ".smk" or path.name == "Snakefile" else ""
