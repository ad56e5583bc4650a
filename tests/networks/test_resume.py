"""Interrupted trainings: killed at any moment, stopped by a signal, or resumed with the state of another training."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch
import yaml
from conftest import RESULTS, ROOT, SCRIPTS, TINY, list_training_cases, merged, run_script
from helpers.toys import hyperparameters

from kidney_tumor import locks
from kidney_tumor.errors import UserError
from kidney_tumor.networks.checkpoint import Checkpoint
from kidney_tumor.networks.dataset import MemoryDataset
from kidney_tumor.networks.device import Device
from kidney_tumor.networks.loss import compute_loss
from kidney_tumor.networks.models import Architecture
from kidney_tumor.networks.training import Task, train

MOMENTS = int(os.environ.get("KILLS", "3"))
EPOCHS = 12


@pytest.fixture(scope="module")
def command(finished):
    """Arguments of a training on the finished run's slices: 12 epochs of a few tenths of a second."""
    results = finished.folder / RESULTS
    given = ["--target", "kidney", "--cases", *list_training_cases(results), "--slices", results / "slices"]
    network = [
        "--base-channels",
        4,
        "--depth",
        2,
        "--batch-size",
        2,
        "--epochs",
        EPOCHS,
        "--early-stopping-patience",
        99,
        "--negatives",
        0,
    ]
    return [*given, *network, "--device", "cpu", "--threads", 1]


@pytest.fixture(scope="module")
def undisturbed(command, tmp_path_factory):
    model = tmp_path_factory.mktemp("undisturbed") / "kidney.safetensors"
    result = run_script("train", *command, "--output", model)
    assert result.returncode == 0, result.stderr
    return model


def start(command, model, environment=None):
    arguments = [sys.executable, SCRIPTS / "train.py", *command, "--output", model]
    return subprocess.Popen(
        list(map(str, arguments)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def after_epoch(process, number):
    """Wait until the training has said that it ended this epoch."""
    for line in process.stdout:
        if f"epoch {number:2d}/" in line:
            return
    raise AssertionError(f"it ended before epoch {number}")


def history(model):
    epochs = json.loads(model.with_suffix(".json").read_text())["history"]
    return [{key: value for key, value in epoch.items() if key != "seconds"} for epoch in epochs]


def assert_same(model, reference):
    assert model.read_bytes() == reference.read_bytes()
    assert history(model) == history(reference)
    assert [path.name for path in sorted(model.parent.iterdir())] == ["kidney.json", "kidney.safetensors"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MOMENTS))
def test_killed_at_any_moment_it_ends_the_same(command, undisturbed, tmp_path, seed):
    moment, model = random.Random(seed), tmp_path / "kidney.safetensors"
    epoch_seconds = json.loads(undisturbed.with_suffix(".json").read_text())["seconds"] / EPOCHS
    process = start(command, model)
    after_epoch(process, moment.randint(2, EPOCHS // 2))  # the state of the epoch before is written
    time.sleep(moment.uniform(0, epoch_seconds))  # any moment will do; this run may be some times faster than that one
    process.kill()
    process.wait()
    assert not model.exists()
    result = run_script("train", *command, "--output", model)
    assert result.returncode == 0, result.stderr
    assert "continues after" in result.stdout
    assert "epoch  1/" not in result.stdout
    assert_same(model, undisturbed)


@pytest.mark.slow
def test_told_to_stop_it_saves_within_the_epoch(command, undisturbed, tmp_path):
    model = tmp_path / "kidney.safetensors"
    process = start(command, model)
    after_epoch(process, 2)
    process.send_signal(signal.SIGTERM)
    rest = process.communicate()[0]
    assert process.returncode == 1
    assert re.match(r"error: kidney network: stopped in epoch \d+; the state is saved", rest.splitlines()[-1])
    assert "Traceback" not in rest
    saved = torch.load(tmp_path / "kidney.resume.pt", weights_only=True)["progress"]
    assert 2 <= len(saved["history"]) < EPOCHS
    result = run_script("train", *command, "--output", model)
    assert result.returncode == 0, result.stderr
    assert f"after {len(saved['history'])} epochs and {saved['trained']} slices" in result.stdout
    assert_same(model, undisturbed)


@pytest.mark.parametrize(("number", "asked"), [(signal.SIGTERM, "True\n"), (signal.SIGINT, "")])
def test_told_to_stop_twice(tmp_path, number, asked):
    """After two signals SIGTERM, as SLURM sends them, a training still saves; a second Ctrl-C ends it."""
    code = (
        "import pathlib, signal, sys; from kidney_tumor.networks.checkpoint import Checkpoint;"
        "checkpoint = Checkpoint(pathlib.Path(sys.argv[1])); checkpoint.open();"
        f"signal.raise_signal({number:d}); signal.raise_signal({number:d}); print(checkpoint.stop_asked)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "kidney.resume.pt")]
    assert subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True).stdout == asked


class StopsAtBatch(Checkpoint):
    """A checkpoint that asks the training to stop before the n-th batch."""

    remaining = 0

    @property
    def stop_asked(self):
        self.remaining -= 1
        return self.remaining == 0

    @stop_asked.setter
    def stop_asked(self, value):
        pass


def turned(loss):
    """Return the same value with the opposite gradient."""
    return 2 * loss.detach() - loss


@pytest.fixture(params=[False, True], ids=["falling", "rising"])
def rising(request, monkeypatch):
    """Whether the loss rises, since its gradient is turned round, so that the weights of the first epoch are kept."""
    if request.param:
        monkeypatch.setattr("kidney_tumor.networks.training.compute_loss", lambda *given: turned(compute_loss(*given)))
    return request.param


@pytest.fixture
def task(rising):
    """A training of four batches an epoch, whose learning rate drops, and which stops early after six epochs."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(-100, 300, (8, 16, 16), dtype=torch.int16, generator=generator)
    slices = MemoryDataset(images, (images > 100).to(torch.uint8))
    falls = {"scheduler_patience": 1, "early_stopping_patience": 5, "min_improvement": 0.5}  # none is large enough
    chosen = hyperparameters(epochs=20, batch_size=2, **falls)
    return Task(
        slices, (-79, 304), Architecture(base_channels=2, depth=2, batch_norm=True), chosen, Device(torch.device("cpu"))
    )


def assert_same_result(resumed, undisturbed):
    """Compare two trainings, each a network and its record, except for times."""
    states = [network.state_dict() for network, _ in (resumed, undisturbed)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    for _, record in (resumed, undisturbed):
        for timed in (record, *record["history"]):
            del timed["seconds"]
        del record["started"]
    assert resumed[1] == undisturbed[1]


@pytest.mark.parametrize("batch", [1, 4, 5, 11, 22])
def test_within_an_epoch_it_goes_on_with_the_next_batch(task, rising, tmp_path, batch):
    """The fifth batch is the first of the second epoch."""
    expected, record = train(task)
    assert len({epoch["learning_rate"] for epoch in record["history"]}) > 1
    assert len(record["history"]) == 6
    assert (record["best_epoch"] == 1) == rising
    checkpoint = StopsAtBatch(tmp_path / "kidney.resume.pt")
    checkpoint.remaining = batch
    with pytest.raises(UserError, match=f"stopped in epoch {1 + (batch - 1) // 4}"):
        train(task, checkpoint=checkpoint)
    saved = torch.load(checkpoint.path, weights_only=True)["progress"]
    assert (len(saved["history"]), saved["trained"]) == ((batch - 1) // 4, 2 * ((batch - 1) % 4))
    assert_same_result(train(task, checkpoint=checkpoint), (expected, record))


def test_float16_goes_on_with_its_scale(task, tmp_path, monkeypatch):
    """The loss is scaled so far up that the first batches overflow: each is skipped, and halves the scale."""
    start = 2.0**32
    monkeypatch.setattr("torch.amp.GradScaler", partial(torch.amp.GradScaler, init_scale=start))
    task = replace(task, device=Device(torch.device("cpu"), torch.float16))
    checkpoint = StopsAtBatch(tmp_path / "kidney.resume.pt")
    checkpoint.remaining = 11
    with pytest.raises(UserError, match="stopped in epoch 3"):
        train(task, checkpoint=checkpoint)
    assert torch.load(checkpoint.path, weights_only=True)["scaler"]["scale"] < start / 4
    assert_same_result(train(task, checkpoint=checkpoint), train(task))


@pytest.mark.parametrize("epoch", [1, 2, 5, 6])
def test_after_an_epoch_it_goes_on_with_the_next(task, tmp_path, epoch):
    """It dies as soon as it has said that it ended the epoch; what follows needs all that the epoch has decided."""

    def die_after_epoch(line):
        if line.startswith(f"epoch {epoch:2d}/"):
            raise KeyboardInterrupt

    checkpoint, said = Checkpoint(tmp_path / "kidney.resume.pt"), []
    with pytest.raises(KeyboardInterrupt):
        train(task, die_after_epoch, checkpoint)
    checkpoint.finish()
    resumed = train(task, said.append, checkpoint)
    assert said[0] == f"continues after {epoch} epochs and 0 slices"
    assert_same_result(resumed, train(task))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_whole_run_told_to_stop_goes_on(finished, copy_of, number):
    """Like SLURM and Ctrl-C, the test signals Snakemake and all processes that it started."""
    project = copy_of(finished)
    long = {"epochs": 400, "early_stopping_patience": 400}
    config = merged(TINY, training=long)
    (project.folder / "user.yaml").write_text(yaml.safe_dump(config))
    goal, log = f"{RESULTS}/models/kidney.safetensors", project.folder / RESULTS / "logs/train/kidney.log"
    command = [sys.executable, "-m", "snakemake", goal, "--cores", "1", "--configfile", "user.yaml"]
    process = subprocess.Popen(
        command, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    for line in process.stdout:
        if "epoch  3/400" in line:
            break
    os.killpg(process.pid, number)
    process.communicate()
    assert "the state is saved" in log.read_text()
    state = project.folder / RESULTS / "models/kidney.resume.pt"
    reached = len(torch.load(state, weights_only=True)["progress"]["history"])
    process = subprocess.Popen(
        command, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    for line in process.stdout:
        if "continues after" in line:
            assert f"continues after {reached} epochs" in line
            break
    else:
        raise AssertionError("it started over")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_a_second_training_of_the_same_model_is_refused(command, tmp_path):
    process = start([*command, "--epochs", 999], tmp_path / "kidney.safetensors")
    after_epoch(process, 1)
    result = run_script("train", *command, "--output", tmp_path / "kidney.safetensors")
    process.kill()
    process.wait()
    assert result.returncode == 1
    assert "another process trains this model; wait for it, or end it" in result.stderr


def is_training(process):
    """Tell the training from the fork of Snakemake that precedes it, which handles a signal as Snakemake does."""
    return process.name().startswith("python") and any(word.endswith("train.py") for word in process.cmdline())


def is_importing(process):
    """Tell a training that has begun to import torch."""
    try:
        return is_training(process) and any("/torch/" in part.path for part in process.memory_maps())
    except psutil.Error:  # it just ended
        return False


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_while_it_starts_it_stops(finished, copy_of, number):
    """The signal comes while torch is being imported, when there is nothing to save."""
    project = copy_of(finished)
    (project.folder / "user.yaml").write_text(yaml.safe_dump(merged(TINY, training={"epochs": 4000})))
    command = [sys.executable, "-m", "snakemake", f"{RESULTS}/models/kidney.safetensors", "--cores", "1"]
    process = subprocess.Popen(
        [*command, "--configfile", "user.yaml"], cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    begun = psutil.Process(process.pid)
    while not any(is_importing(child) for child in begun.children(recursive=True)):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, number)
    try:
        assert not re.search(r"epoch +\d+/", process.communicate(timeout=30)[0])
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_told_to_stop_while_it_waits_for_a_gpu_it_stops(command, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for _ in range(2):
        locks.acquire("gpu", ["0", "1"])
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "0,1", "TMPDIR": str(tmp_path)}
    process = start([*command, "--device", "auto"], tmp_path / "kidney.safetensors", environment)
    assert process.stdout.readline() == "waiting for a free gpu\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) != 0
    process.stdout.close()


@pytest.fixture
def interrupted(command, tmp_path) -> Path:
    """The folder of a training that was killed after its second epoch."""
    process = start(command, tmp_path / "kidney.safetensors")
    after_epoch(process, 2)
    process.kill()
    process.wait()
    return tmp_path


@pytest.mark.slow
def test_another_configuration_starts_over(command, interrupted, undisturbed):
    model, state = interrupted / "kidney.safetensors", interrupted / "kidney.resume.pt"
    kept = state.read_bytes()
    result = run_script("train", *command, "--output", model, "--epochs", 3)
    assert result.returncode == 0, result.stderr
    (line,) = [line for line in result.stdout.splitlines() if "starts over" in line]
    assert "kidney.resume.pt belongs to another configuration" in line
    assert len(history(model)) == 3
    state.write_bytes(kept[:-1000])
    result = run_script("train", *command, "--output", model)
    assert "kidney.resume.pt is damaged" in result.stdout
    assert_same(model, undisturbed)


@pytest.mark.slow
def test_a_finished_training_is_not_lost_with_its_model(command, tmp_path):
    """Snakemake deletes the outputs of a job that it rejects; what was trained is then in the state."""
    model = tmp_path / "kidney.safetensors"
    assert run_script("train", *command, "--output", model, "--keep-state").returncode == 0
    expected = model.read_bytes()
    model.unlink()
    result = run_script("train", *command, "--output", model, "--keep-state")
    assert "continues after" in result.stdout
    assert "epoch " not in result.stdout
    assert model.read_bytes() == expected
    assert run_script("train", *command, "--output", model).returncode == 0
    assert not model.with_suffix(".resume.pt").exists()


@pytest.mark.slow
@pytest.mark.parametrize("last", ["Config file", "Execute"])
def test_if_nobody_reads_its_messages_any_longer_a_run_goes_on(project, last):
    """As with `snakemake 2>&1 | head`: neither a job nor Snakemake ends, and the logs are whole."""
    (project.folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "check_cohort", "--configfile", "tiny.yaml"]
    command += ["--quiet", "host"]  # all messages
    process = subprocess.Popen(command, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert any(line.startswith(last) for line in process.stdout)
    process.stdout.close()
    assert process.wait(120) == 0
    assert (project.folder / RESULTS / "cohort.tsv").exists()
    assert "5 cases: " in (project.folder / RESULTS / "logs" / "check_cohort.log").read_text()


def test_told_to_stop_while_it_selects_jobs_snakemake_ends(tmp_path):
    """Its main thread then holds the lock for which its answer to SIGTERM waits."""
    (tmp_path / "Snakefile").write_text(
        f"""
import signal
rule all:
    input: expand("{{number}}.txt", number=range(9))
rule one:
    output: "{{number}}.txt"
    shell: "touch {{output}}"
module kits:
    snakefile: "{ROOT}/Snakefile"
    config: {{"data": {{"source": "phantom"}}}}
use rule * from kits as kits_*
onstart:
    kits.onstart()
    take = workflow.scheduler.update_available_resources  # with the lock
    workflow.scheduler.update_available_resources = lambda jobs: take(jobs) or signal.raise_signal(signal.SIGTERM)
"""
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.returncode == 1
    assert "Will exit after finishing currently running jobs" in result.stderr
    assert len(list(tmp_path.glob("*.txt"))) <= 1  # of nine, if the selected one began before the thread had the lock
