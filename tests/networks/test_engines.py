"""What computes trained networks: OpenVINO does as PyTorch, and which of them is chosen."""

import argparse
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import psutil
import pytest
import torch
from conftest import SCRIPTS
from helpers.toys import CPU, ENGINE, fitted, model_of, squares

from kidney_tumor.networks import engines
from kidney_tumor.networks.inference import TorchEngine
from kidney_tumor.networks.inference import normalize as normalize_tensor
from kidney_tumor.networks.models import Architecture
from kidney_tumor.networks.unet import UNet

IMAGE = np.array([[[-1000, -79, 112], [113, 304, 3000]]], np.int16)


def test_window():
    expected = [[0, 0, 191 / 383], [192 / 383, 1, 1]]
    np.testing.assert_allclose(engines.normalize(IMAGE, (-79, 304))[0, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(
        normalize_tensor(torch.from_numpy(IMAGE), (-79, 304)), engines.normalize(IMAGE, (-79, 304))
    )


@pytest.mark.parametrize("size", [32, 37, 50])
@pytest.mark.parametrize("depth", [1, 3, 4])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_openvino_computes_what_pytorch_does(rng, size, depth, batch_norm):
    """For odd sizes, too, of which pooling drops a row, and for the last batch, which is smaller."""
    architecture = Architecture(3, depth, batch_norm)
    network = UNet(**asdict(architecture))
    network.initialize(torch.Generator().manual_seed(1))
    for name, value in network.state_dict().items():
        if not name.endswith(".weight") and value.is_floating_point():  # else all of them are 0 or 1
            value += torch.from_numpy(rng.uniform(0, 0.5, value.shape))
    images = rng.integers(-200, 400, (5, size, size)).astype(np.int16)
    for target in ("kidney", "tumor"):
        model = model_of(network, target, size, (-79, 304), "lower_half", architecture=architecture)
        expected, found = (engine.predict([engine.load(model)], images, 3)[0] for engine in (TorchEngine(CPU), ENGINE))
        assert found.dtype == expected.dtype == np.float32
        assert expected.std() > 0.02
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_two_networks_are_each_alone(rng):
    images, masks = squares(rng)
    views = ("kidney", 16, (-79, 304), "lower_half"), ("tumor", 16, (0, 200), "lower_half")
    models = [model_of(fitted(images, masks, seed=seed)[0], *view) for seed, view in enumerate(views)]
    for engine in (ENGINE, TorchEngine(CPU)):
        networks = [engine.load(model) for model in models]
        both = engine.predict(networks, images, 5)
        for network, found in zip(networks, both, strict=True):
            np.testing.assert_array_equal(found, engine.predict([network], images, 5)[0])
        assert both[1].shape == (len(images), 8, 16)


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "auto"])
def test_another_precision_marks_the_same(rng, precision):
    """Where the CPU lacks it, it is float32, and the engine says so."""
    images, masks = squares(rng)
    model = model_of(fitted(images, masks, epochs=30)[0], "kidney", 16, (-79, 304), "lower_half")
    given = argparse.Namespace(device="cpu", precision=precision, deterministic="auto", threads=1)
    narrow = engines.choose_engine(given)
    assert narrow.precision in {"float32", "bfloat16" if precision == "auto" else precision}
    assert narrow.name == f"CPU, 1 threads, {narrow.precision}"
    mask, again = (engine.predict([engine.load(model)], images, 8)[0] > 0.5 for engine in (narrow, ENGINE))
    assert 2 * (mask & again).sum() / (mask.sum() + again.sum()) > 0.995


def test_a_network_keeps_no_features(rng):
    """Else an ensemble takes the memory of all its members at once."""
    architecture = Architecture(32, 1, False)
    network = UNet(**asdict(architecture))
    model = model_of(network, "kidney", 128, (-79, 304), "lower_half", architecture=architecture)
    networks = [ENGINE.load(model) for _ in range(4)]
    images = np.zeros((16, 128, 128), np.int16)
    ENGINE.predict(networks[:1], images, 16)
    before = psutil.Process().memory_info().rss
    ENGINE.predict(networks[1:], images, 16)
    assert psutil.Process().memory_info().rss - before < 32 * 128 * 128 * 16 * 4  # features of one layer, in bytes


@pytest.mark.parametrize(("capable", "expected"), [(["FP32"], "float32"), (["FP32", "BF16"], "bfloat16")])
@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_the_precision_is_one_of_the_cpu(monkeypatch, capable, expected, precision):
    monkeypatch.setattr(engines.openvino.Core, "get_property", lambda *_: capable)
    given = argparse.Namespace(device="cpu", precision=precision, deterministic="auto", threads=1)
    assert engines.choose_engine(given) == engines.OpenVinoEngine(1, expected)


def test_threads_change_no_bit(rng):
    images, masks = squares(rng)
    model = model_of(fitted(images, masks)[0], "kidney", 16, (-79, 304), "lower_half")
    one, two = (engines.OpenVinoEngine(threads, "float32") for threads in (1, 2))
    np.testing.assert_array_equal(*(engine.predict([engine.load(model)], images, 5)[0] for engine in (one, two)))


def test_without_a_gpu_openvino_is_chosen(monkeypatch):
    monkeypatch.setattr(engines, "find_gpu", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    given = argparse.Namespace(device="auto", precision="float32", deterministic="auto", threads=3)
    assert engines.choose_engine(given) == engines.OpenVinoEngine(3, "float32")


@pytest.mark.parametrize(("device", "named"), [("auto", ""), ("auto", "0"), ("cuda", "")])
def test_a_gpu_gets_pytorch(monkeypatch, device, named):
    """Where there is a device file, or where a scheduler names one."""
    found = replace(CPU, torch_device=torch.device("cuda"))
    monkeypatch.setattr(engines, "find_gpu", lambda: not named)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    monkeypatch.setattr("kidney_tumor.networks.device.choose_device", lambda given: found)
    assert engines.choose_engine(argparse.Namespace(device=device)) == TorchEngine(found)


def test_openvino_starts_in_silence_and_without_pytorch(tmp_path):
    """Its plain import writes into the home folder, and reports itself (findings/openvino_import_reports_itself.sh)."""
    code = """
import sys
from kidney_tumor.networks import engines
import predict
assert "torch" not in sys.modules
assert not {"openvino_telemetry", "openvino.tools.ovc"} & set(sys.modules)
"""
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(SCRIPTS)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert not list(tmp_path.iterdir())
