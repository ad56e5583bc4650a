"""The profile for SLURM where there is no SLURM; tests/workflow/slurm/ has a real one."""

import shutil
from pathlib import Path

import pytest
from conftest import TINY, errors


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A folder with the only commands that are found, at first those that Snakemake needs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "sh", "which", "env", "cat", "tee", "sed", "realpath", "dirname"):
        (folder / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(folder))
    return folder


def add_command(folder: Path, name: str, does: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)


def test_no_slurm(project, commands):
    result = project.snakemake(TINY, "ratio_range", "--profile", "profiles/slurm")
    assert result.returncode == 1
    (line,) = errors(result.stdout)
    assert line.startswith("error: this machine has no SLURM (command sbatch is missing)")
    assert not list(project.folder.glob(".snakemake/locks/*"))


@pytest.mark.parametrize("answers", [True, False])
def test_nothing_is_submitted_unless_the_controller_answers(project, commands, answers):
    for name in ("sacct", "squeue", "sinfo", "scancel"):
        add_command(commands, name, "exit 0")
    submitted = project.folder / "submitted"
    add_command(commands, "sbatch", f"echo submitted >>{submitted}; echo 'error: refused' >&2; exit 1")
    add_command(commands, "scontrol", "exit 0" if answers else "echo 'Slurmctld(primary) at login is DOWN'; exit 1")
    quick = ["--retries", "0", "--slurm-init-seconds-before-status-checks", "1"]
    result = project.snakemake(TINY, "ratio_range", "--profile", "profiles/slurm", *quick)
    assert result.returncode == 1
    assert submitted.exists() == answers
    said = "error: SLURM's controller does not answer `scontrol ping`" in result.stdout
    assert said != answers
