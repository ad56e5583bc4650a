"""The file with a training's state: whole or not at all, written beside the training, and what it must agree with."""

import os
import threading
from concurrent.futures import wait
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.toys import CPU, SMALL, Counted, hyperparameters, slices_of, squares

from kidney_tumor.errors import UserError
from kidney_tumor.networks.checkpoint import Checkpoint, compute_fingerprint, write_tensors
from kidney_tumor.networks.device import Device
from kidney_tumor.networks.training import Task, train


def test_a_state_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "kidney.resume.pt")
    checkpoint.save({"progress": 1})
    checkpoint.finish()

    def stopped(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", stopped)
        checkpoint.save({"progress": 2})
        with pytest.raises(OSError, match="Input"):
            checkpoint.save({"progress": 3})
    assert checkpoint.load(print) == {"progress": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["kidney.resume.pt"]
    checkpoint.close(remove=True)  # the model is complete
    assert not checkpoint.path.exists()


@pytest.mark.parametrize("stopped", [False, True])
def test_a_state_that_could_not_be_written_is_said_soon(rng, tmp_path, monkeypatch, stopped):
    """By the next batch, not an epoch later; but a training that is asked to stop tries to save once more."""
    checkpoint, replace_file, full = Checkpoint(tmp_path / "a.resume.pt"), os.replace, [True]

    def replace_if_there_is_room(*given):
        if full[0]:
            raise OSError(28, "No space left on device")
        replace_file(*given)

    def begin_second_epoch(number):
        if number == 5:
            wait([checkpoint._written])  # which failed
            full[0] = False
            checkpoint.stop_asked = stopped

    slices = Counted(slices_of(*squares(rng, 8)), begin_second_epoch)
    monkeypatch.setattr(os, "replace", replace_if_there_is_room)
    expected, says = (UserError, "the state is saved") if stopped else (OSError, "No space")
    task = Task(slices, (-79, 304), SMALL, hyperparameters(epochs=9, batch_size=2), CPU)
    with pytest.raises(expected, match=says):
        train(task, print, checkpoint)
    assert slices.count == 5
    assert checkpoint.path.exists() == stopped


def test_an_epoch_counts_the_time_before_an_interruption(rng, monkeypatch, tmp_path):
    """Stopped in the fourth batch of 4 of 40 slices, after 48 s, it goes on a day later; the clock does not wait."""
    clock, said, checkpoint = [1000.0], [], Checkpoint(tmp_path / "kidney.resume.pt")

    def take_time(number):
        clock[0] += 12
        checkpoint.stop_asked = number == 4

    slices = Counted(slices_of(*squares(rng, 40)), take_time)
    monkeypatch.setattr("kidney_tumor.networks.training.time.time", lambda: clock[0])
    task = Task(slices, (-79, 304), SMALL, hyperparameters(epochs=1, batch_size=4), CPU)
    with pytest.raises(UserError, match="stopped in epoch 1"):
        train(task, said.append, checkpoint)
    clock[0] += 86400
    _, record = train(task, said.append, checkpoint)
    assert said[:-1] == [
        "epoch  1/1  30% of its slices  0.333 slices/s  1.4 min left in it",
        "continues after 0 epochs and 12 slices",
        "epoch  1/1  60% of its slices  0.286 slices/s  0.9 min left in it",  # 24 in 48 s and 36 s
        "epoch  1/1  90% of its slices  0.3 slices/s  0.2 min left in it",
    ]
    assert record["history"][0]["seconds"] == 48 + 84


def test_a_training_goes_on_while_its_state_is_written(tmp_path, monkeypatch):
    """The file has the state as it was when it was saved, however much changes before the thread writes it."""
    checkpoint, write, begin = Checkpoint(tmp_path / "kidney.resume.pt"), write_tensors, threading.Event()
    monkeypatch.setattr(
        "kidney_tumor.networks.checkpoint.write_tensors", lambda *given: begin.wait(30) and write(*given)
    )
    weights = torch.arange(4.0)
    state = {"model": {"weights": weights}, "optimizer": {"groups": [{"rate": 1, "moments": weights}]}}
    expected = {
        "model": {"weights": weights.clone()},
        "optimizer": {"groups": [{"rate": 1, "moments": weights.clone()}]},
    }
    checkpoint.save(state)  # returns before anything is written
    weights.zero_()
    state["optimizer"]["groups"][0]["rate"] = 2
    assert not checkpoint.path.exists()
    begin.set()
    checkpoint.finish()
    saved = checkpoint.load(print)
    assert torch.equal(saved["model"]["weights"], expected["model"]["weights"])
    (group,), (expected_group,) = saved["optimizer"]["groups"], expected["optimizer"]["groups"]
    assert group["rate"] == 1
    assert torch.equal(group["moments"], expected_group["moments"])
    begin.clear()
    checkpoint.save(state)
    removing = threading.Thread(target=checkpoint.close, args=(True,))
    removing.start()
    begin.set()
    removing.join()
    checkpoint.finish()
    assert not checkpoint.path.exists()  # nor does it come back


def test_a_state_that_cannot_be_read_now_is_kept(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "kidney.resume.pt")
    checkpoint.save({"progress": 1})
    checkpoint.finish()
    monkeypatch.setattr(Path, "read_bytes", lambda path: (_ for _ in ()).throw(OSError(116, "Stale file handle")))
    with pytest.raises(OSError, match="Stale"):
        checkpoint.load(print)


def test_the_fingerprint_holds_what_decides(tmp_path):
    """The fingerprint depends on options, slices, code, and, on the CPU, threads and precision."""
    folder = tmp_path / "case_00000"
    folder.mkdir()
    (folder / "slices.json").write_text("{}")
    cpu = Device(torch.device("cpu"))
    code = "code"
    first = compute_fingerprint({"epochs": 3}, cpu, [folder], code)
    assert compute_fingerprint({"epochs": 3}, cpu, [folder], code) == first
    others = [
        compute_fingerprint({"epochs": 4}, cpu, [folder], code),
        compute_fingerprint({"epochs": 3}, replace(cpu, precision=torch.bfloat16), [folder], code),
        compute_fingerprint({"epochs": 3}, replace(cpu, deterministic=False), [folder], code),
        compute_fingerprint({"epochs": 3}, cpu, [folder, folder], code),
    ]
    (folder / "slices.json").write_text('{"crc32": 1}')
    others.append(compute_fingerprint({"epochs": 3}, cpu, [folder], code))
    torch.set_num_threads(torch.get_num_threads() + 1)
    others.append(compute_fingerprint({"epochs": 3}, cpu, [folder], code))
    torch.set_num_threads(torch.get_num_threads() - 1)
    others.append(compute_fingerprint({"epochs": 3}, cpu, [folder], "other code"))
    assert len({first, *others}) == 8
