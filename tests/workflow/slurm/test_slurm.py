"""The workflow through a real SLURM: slurmctld, slurmd and slurmdbd of one node, started by cluster.sh.

Run by `make test-slurm`: minutes, as root, with Debian's packages.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import NO_SWEEP, RESULTS, ROOT, TINY, Project, merged

CLUSTER = Path(__file__).parent / "cluster.sh"
LIGHT = ["--set-resources", *(f"{rule}:mem_mb=1000" for rule in ("check_cohort", "measure_tumors", "predict"))]
AUTO = merged(TINY, device="auto", ablation=NO_SWEEP)


@pytest.fixture(scope="module", autouse=True)
def cluster():
    try:
        subprocess.run([CLUSTER, "up"], check=True)
        yield
    finally:
        subprocess.run([CLUSTER, "down"], check=True)


def ask(*command: str) -> list[list[str]]:
    """Fields of the lines that a SLURM command prints; none while the controller is away."""
    result = subprocess.run(command, capture_output=True, text=True)
    return [line.split("|") for line in result.stdout.splitlines()]


def wait_for(condition, seconds=480):
    """The first true answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.5)
    raise AssertionError("it did not happen")


def started(project: Project, config: dict, *arguments: str) -> subprocess.Popen:
    """Snakemake on this login node, with the profile."""
    (project.folder / "user.yaml").write_text(yaml.safe_dump(config))
    profile = ["--profile", str(ROOT / "profiles" / "slurm"), "--cores", "4"]
    profile += ["--slurm-init-seconds-before-status-checks", "4"]  # 40 otherwise, the most of the time here
    command = [sys.executable, "-m", "snakemake", *profile, *arguments, "--configfile", "user.yaml"]
    output = (project.folder / "output.txt").open("w")
    return subprocess.Popen(command, cwd=project.folder, stdout=output, stderr=subprocess.STDOUT)


def output(project: Project) -> str:
    return (project.folder / "output.txt").read_text()


def submissions(project: Project) -> dict[str, str]:
    """The rule or group of each SLURM job."""
    return dict(
        reversed(pair) for pair in re.findall(r"slurm_logs/(?:rule|group)_(\w+)/(?:\w+/)?(\d+)\.log", output(project))
    )


def job_of(project: Project, rule: str, state: str) -> str | None:
    """A job of a rule in some state."""
    states = {fields[0]: fields[1] for fields in ask("sacct", "-nPX", "--format=JobID,State")}
    found = [job for job, name in submissions(project).items() if name.startswith(rule)]
    return next((job for job in found if states.get(job, "").startswith(state)), None)


def test_everything_through_slurm(project, tmp_path):
    """Too little memory, a cancelled job and an absent controller on the way: the same scores as on this machine."""
    run = started(project, AUTO, *LIGHT, "train:mem_mb=150*attempt**2", "train:runtime=10")
    wait_for(lambda: list((project.folder / RESULTS / "logs/extract_slices").glob("*.log")))
    subprocess.run([CLUSTER, "pause", "15"], check=True)
    wait_for(lambda: job_of(project, "train", "FAILED"))  # killed for its memory
    # Its state becomes "CANCELLED by 0", which the plugin does not know.
    cancelled = wait_for(lambda: job_of(project, "predict", "RUNNING"))
    subprocess.run(["scancel", cancelled], check=True)
    assert run.wait(timeout=1800) == 0, output(project)
    local, scores = Project(tmp_path / "local"), f"{RESULTS}/scores.tsv"
    assert local.snakemake(TINY, scores).returncode == 0
    assert (project.folder / scores).read_bytes() == (local.folder / scores).read_bytes()

    jobs = submissions(project)
    fields = "JobID,State,ReqTRES,Timelimit"
    table = pd.DataFrame(ask("sacct", "-nPX", f"--format={fields}"), columns=fields.split(",")).set_index("JobID")
    table = table.loc[list(jobs)].assign(rule=jobs.values())
    print(table.to_string())
    assert len(jobs) < 25  # for 50 jobs of the workflow, some tried again
    network = table["rule"].str.match("train|predict")
    assert table.loc[network, "ReqTRES"].str.contains("gres/gpu=1").all()
    assert not table.loc[~network, "ReqTRES"].str.contains("gpu").any()
    memory = table.loc[table["rule"] == "train", "ReqTRES"].str.extract(r"mem=(\d+)M")[0].astype(int)
    assert memory.min() == 150
    assert memory.max() >= 600
    predicted = table[table["rule"] == "predict"]
    assert predicted["State"].str.startswith("CANCELLED").sum() == 1
    assert predicted["State"].str.startswith("COMPLETED").sum() == 2
    logs = [path for rule in ("train", "predict") for path in (project.folder / RESULTS / "logs" / rule).glob("*.log")]
    assert len(logs) == 4
    for log in logs:
        assert re.search(r"^GPU [01] ", log.read_text(), re.MULTILINE)


def test_training_goes_on_after_its_time_is_over(project):
    """One minute, then two: SLURM's SIGTERM saves the state within an epoch, and the retry goes on from it."""
    goal = f"{RESULTS}/models/kidney.safetensors"
    # Batches of a second, of which SLURM waits for the one under way, and epochs of half a minute.
    network, training = {"base_channels": 20, "depth": 4}, {"batch_size": 1}
    config = merged(AUTO, slices={"size": 256}, network=network, training=training, phantom={"slices": [60, 64]})
    run = started(project, config, goal, *LIGHT, "train:mem_mb=8000", "train:runtime=1*attempt")
    first = wait_for(lambda: job_of(project, "train", "TIMEOUT"), 400)
    second = wait_for(lambda: job_of(project, "train", "RUNNING"))
    log = project.folder / RESULTS / "logs/train/kidney.log"
    wait_for(lambda: log.exists() and "continues after" in log.read_text())
    assert re.search(r"continues after \d+ epochs and [1-9]\d* slices", log.read_text())
    limits = dict(ask("sacct", "-nPX", "--format=JobID,Timelimit"))
    assert (limits[first], limits[second]) == ("00:01:00", "00:02:00")
    run.kill()
    run.wait()
    subprocess.run(["scancel", "--user", str(os.getuid())], check=True)
