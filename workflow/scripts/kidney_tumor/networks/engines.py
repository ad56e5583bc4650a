"""What computes a trained network: OpenVINO on the CPU, PyTorch on a GPU.

OpenVINO starts in a fifth of a second, PyTorch in more than one, which is a large part of a case's prediction.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from kidney_tumor.data.slices import crop_to_view
from kidney_tumor.errors import UserError
from kidney_tumor.networks.hardware import find_gpu, list_gpus
from kidney_tumor.networks.models import Model, View
from kidney_tumor.networks.openvino_alone import openvino, operations

PRECISIONS = {"float32": "FP32", "bfloat16": "BF16", "float16": "FP16"}
"""OpenVINO's names of the precisions of which a CPU is capable."""
EPSILON = 1e-5
"""What PyTorch's batch normalization adds to a variance."""


class Engine(Protocol):
    """What computes trained networks."""

    @property
    def name(self) -> str:
        """The device and the precision."""

    def load(self, model: Model) -> Any:
        """Make a network of a model, which this engine computes."""

    def predict(self, networks: Sequence[Any], images: np.ndarray, batch_size: int) -> list[np.ndarray]:
        """Compute what several networks say of every slice.

        Args:
            networks: The networks.
            images: The slices in HU, shape (slices, size, size), int16.
            batch_size: The number of slices that are segmented at a time.

        Returns:
            For each network its sigmoid outputs, shape (slices, H, W), float32, of the part of the slices that it sees.
        """


def choose_engine(arguments: argparse.Namespace) -> Engine:
    """Choose an engine by the options `--device`, `--precision` and `--threads`.

    PyTorch is imported only if `--device` is `cuda`, or if there is a sign of a GPU. A CPU that is not capable of a
    precision computes in float32.

    Raises:
        UserError: The option is `cuda` and PyTorch finds no GPU.
    """
    # A scheduler may have named a GPU that has no device file here.
    if arguments.device == "cuda" or (arguments.device == "auto" and (find_gpu() or list_gpus())):
        from kidney_tumor.networks.device import choose_device
        from kidney_tumor.networks.inference import TorchEngine

        device = choose_device(arguments)
        if device.torch_device.type == "cuda":
            return TorchEngine(device)
    precision = "bfloat16" if arguments.precision == "auto" else arguments.precision
    if PRECISIONS[precision] not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        precision = "float32"
    return OpenVinoEngine(arguments.threads, precision)


@dataclass(frozen=True)
class OpenVinoNetwork:
    """A network that OpenVINO has compiled, which takes images of shape (batch, 1, H, W) and returns their logits."""

    compiled: openvino.CompiledModel
    view: View


@dataclass(frozen=True)
class OpenVinoEngine:
    """OpenVINO on the CPU.

    Attributes:
        threads: The number of threads.
        precision: The precision of the networks' layers, of which the CPU must be capable.
    """

    threads: int
    precision: str

    @property
    def name(self) -> str:
        """The number of threads and the precision."""
        return f"CPU, {self.threads} threads, {self.precision}"

    def load(self, model: Model) -> OpenVinoNetwork:
        """Make a network of a model."""
        hints = {
            "INFERENCE_PRECISION_HINT": PRECISIONS[self.precision].replace("FP", "f").lower(),
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": 1,
            "ENABLE_HYPER_THREADING": True,  # else it may take fewer threads than it is given
            "ENABLE_CPU_PINNING": False,  # several jobs may run side by side
        }
        return OpenVinoNetwork(openvino.Core().compile_model(build_network(model), "CPU", hints), model.view)

    def predict(self, networks: Sequence[OpenVinoNetwork], images: np.ndarray, batch_size: int) -> list[np.ndarray]:
        """Compute what several networks say of every slice, as `Engine` describes it."""
        results = []
        for network in networks:
            view, request = network.view, network.compiled.create_infer_request()
            seen = crop_to_view(images, view.target, view.tumor_rows)
            result = np.empty(seen.shape, np.float32)
            for start in range(0, len(seen), batch_size):
                batch = normalize(seen[start : start + batch_size], view.hu_window)
                request.infer([batch], share_inputs=True)
                with np.errstate(over="ignore"):  # a very negative logit gives 1 / infinity, which is 0
                    probabilities = 1 / (1 + np.exp(-request.get_output_tensor().data[:, 0]))
                result[start : start + batch_size] = probabilities
            network.compiled.release_memory()  # else each network of an ensemble keeps its features, of gigabytes
            results.append(result)
        return results


def average_probabilities(
    engine: Engine, members: Sequence[Sequence[Any]], images: np.ndarray, batch_size: int
) -> list[np.ndarray]:
    """Average the probabilities of an ensemble, whose members are the networks that the engine's `predict` takes.

    Args:
        engine: What computes the networks.
        members: The networks of each member; all members see the same part of the slices.
        images: The slices in HU, shape (slices, size, size), int16.
        batch_size: The number of slices that are segmented at a time.

    Returns:
        For each network of a member the mean probability, shape (slices, H, W), float32.

    Raises:
        UserError: The members see different parts of the slices.
    """
    total: list[np.ndarray] = []
    for networks in members:
        found = engine.predict(networks, images, batch_size)
        if total and [part.shape for part in total] != [part.shape for part in found]:
            raise UserError("the networks of the ensemble see different rows of a slice; use those of one run")
        total = [before + part for before, part in zip(total, found, strict=True)] if total else found
    return [part / len(members) for part in total] if len(members) > 1 else total


def normalize(images: np.ndarray, hu_window: tuple[float, float]) -> np.ndarray:
    """Clip images to a window in HU and scale it to 0..1: int16 HU, (n, H, W), to float32, (n, 1, H, W)."""
    low, high = hu_window
    return ((images.astype(np.float32) - np.float32(low)) / np.float32(high - low)).clip(0, 1)[:, None]


def build_network(model: Model) -> openvino.Model:
    """Build a model's U-Net for OpenVINO: what `unet.UNet` computes, from images (batch, 1, H, W) to their logits."""
    weights, view, depth = model.weights, model.view, model.architecture.depth
    blank = np.empty((0, view.size, view.size))
    rows, columns = crop_to_view(blank, view.target, view.tumor_rows).shape[1:]

    def add_bias(features: openvino.Node, name: str) -> openvino.Node:
        return operations.add(features, weights[f"{name}.bias"].reshape(1, -1, 1, 1))

    def convolve(features: openvino.Node, name: str, padding: int) -> openvino.Node:
        kernel, edge = weights[f"{name}.weight"], [padding, padding]
        return add_bias(operations.convolution(features, kernel, [1, 1], edge, edge, [1, 1]), name)

    def convolve_twice(features: openvino.Node, name: str) -> openvino.Node:
        step = 3 if model.architecture.batch_norm else 2
        for index in (0, step):
            features = convolve(features, f"{name}.{index}", 1)
            if model.architecture.batch_norm:
                kinds = ("weight", "bias", "running_mean", "running_var")
                statistics = [weights[f"{name}.{index + 1}.{kind}"] for kind in kinds]
                features = operations.batch_norm_inference(features, *statistics, EPSILON)
            features = operations.relu(features)
        return features

    image = operations.parameter([-1, 1, rows, columns], np.float32)
    skips = [convolve_twice(image, "encoder.0")]
    for level in range(1, depth + 1):
        pooled = operations.max_pool(skips[-1], [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
        skips.append(convolve_twice(pooled, f"encoder.{level}"))
    features = skips.pop()
    for level in range(depth):
        skip, name = skips.pop(), f"up.{level}"
        features = add_bias(operations.convolution_backprop_data(features, weights[f"{name}.weight"], [2, 2]), name)
        height, width = rows >> (depth - 1 - level), columns >> (depth - 1 - level)
        if height % 2 or width % 2:  # pooling an odd size dropped a row or column
            features = operations.pad(features, [0, 0, 0, 0], [0, 0, height % 2, width % 2], "constant")
        features = convolve_twice(operations.concat([skip, features], 1), f"decoder.{level}")
    return openvino.Model([convolve(features, "output", 0)], [image], f"{view.target} network")
