"""The file with a training's state: whole or not at all, written beside the training, and what it must agree with."""

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import SCRIPTS

from kits.networks.checkpoint import Checkpoint, compute_fingerprint
from kits.networks.device import Device
from kits.networks.models import write_tensors
from kits.sources import find_sources


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
    checkpoint.remove()  # the model is complete
    assert not checkpoint.path.exists()


def test_a_training_goes_on_while_its_state_is_written(tmp_path, monkeypatch):
    """The file has the state as it was when it was saved, however much changes before the thread writes it."""
    checkpoint, write, begin = Checkpoint(tmp_path / "kidney.resume.pt"), write_tensors, threading.Event()
    monkeypatch.setattr("kits.networks.checkpoint.write_tensors", lambda *given: begin.wait(30) and write(*given))
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
    removing = threading.Thread(target=checkpoint.remove)
    removing.start()
    begin.set()
    removing.join()
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
    sources = find_sources(SCRIPTS / "train.py")
    first = compute_fingerprint({"epochs": 3}, cpu, [folder], sources)
    assert compute_fingerprint({"epochs": 3}, cpu, [folder], sources) == first
    others = [
        compute_fingerprint({"epochs": 4}, cpu, [folder], sources),
        compute_fingerprint({"epochs": 3}, replace(cpu, precision=torch.bfloat16), [folder], sources),
        compute_fingerprint({"epochs": 3}, replace(cpu, deterministic=False), [folder], sources),
        compute_fingerprint({"epochs": 3}, cpu, [folder, folder], sources),
    ]
    (folder / "slices.json").write_text('{"crc32": 1}')
    others.append(compute_fingerprint({"epochs": 3}, cpu, [folder], sources))
    torch.set_num_threads(torch.get_num_threads() + 1)
    others.append(compute_fingerprint({"epochs": 3}, cpu, [folder], sources))
    torch.set_num_threads(torch.get_num_threads() - 1)
    scripts = shutil.copytree(SCRIPTS, tmp_path / "scripts")
    sources = find_sources(scripts / "train.py")
    assert compute_fingerprint({"epochs": 3}, cpu, [folder], sources) == others[4]
    for name in ("networks/training", "networks/dataset", "networks/unet", "networks/models", "networks/device",
                 "data/slices"):  # fmt: skip
        path = scripts / "kits" / f"{name}.py"
        path.write_text(path.read_text() + "\n")
        others.append(compute_fingerprint({"epochs": 3}, cpu, [folder], sources))
    assert len({first, *others}) == 13
