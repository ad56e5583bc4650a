"""Trained networks on disk, their input, and the device they run on."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kits.cli import UserError, atomic
from kits.gpu import gpu_present
from kits.slices import damaged
from kits.unet import UNet


@dataclass(frozen=True)
class Model:
    """A trained network and the input it was trained on: `target`, slice size in pixels, window in HU."""

    network: UNet
    target: str
    size: int
    hu_window: tuple[float, float]


def choose_device(name: str, threads: int) -> torch.device:
    """`cpu`, `cuda`, or for `auto` the GPU where there is one; deterministic with `threads` threads on the CPU.

    Raises:
        UserError: `cuda` was asked for and there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cpu" and gpu_present():
            print("warning: there is a GPU, but torch cannot use it (CPU build, or no driver)", file=sys.stderr)
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda was asked for, but torch finds no GPU; set device to auto or cpu")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(name == "cpu")
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs a fifth of the speed
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """The GPU's name, or the number of CPU threads, for the record."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def normalise(images: Tensor, hu_window: tuple[float, float]) -> Tensor:
    """Clip to the window and scale it to 0..1: int16 HU, (n, H, W), to float32, (n, 1, H, W)."""
    low, high = hu_window
    return ((images.float() - low) / (high - low)).clamp(0, 1).unsqueeze(1)


def save(path: Path, model: Model, settings: dict[str, Any]) -> None:
    """Save weights and what is needed to use them; `settings` are the arguments of `UNet`."""
    content = {
        "state_dict": {name: value.cpu() for name, value in model.network.state_dict().items()},
        "network": settings,
        "target": model.target,
        "size": model.size,
        "hu_window": list(model.hu_window),
    }
    with atomic(path) as temporary:
        torch.save(content, temporary)


def load(path: Path, target: str, device: torch.device) -> Model:
    """Load a model for inference.

    Raises:
        UserError: the file is missing, damaged, or a model of another target.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; train it first")
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        network = UNet(**content["network"])
        network.load_state_dict(content["state_dict"])
        model = Model(network.to(device).eval(), content["target"], content["size"], tuple(content["hu_window"]))
    except Exception as error:  # torch raises many kinds for a file that is cut or not a model
        raise damaged(path, type(error).__name__) from error
    if model.target != target:
        raise UserError(f"{path} is a {model.target} model; expected a {target} model")
    return model


@torch.inference_mode()
def predict(model: Model, images: np.ndarray, device: torch.device, batch_size: int, threshold: float) -> np.ndarray:
    """Segment every slice.

    Args:
        model: a trained network.
        images: (slices, H, W), int16 HU, as the network was trained on.
        device: where the network lies.
        batch_size: slices at a time.
        threshold: a pixel is foreground where the sigmoid output is above it.

    Returns:
        (slices, H, W), uint8, 0 or 1.
    """
    masks = np.empty(images.shape, np.uint8)
    for batch in batches(len(images), batch_size):
        logits = model.network(normalise(torch.from_numpy(images[batch]).to(device), model.hu_window))
        masks[batch] = (torch.sigmoid(logits[:, 0]) > threshold).cpu().numpy()
    return masks


def batches(count: int, size: int) -> Iterator[slice]:
    """Slices of `size` that cover `range(count)`."""
    return (slice(start, start + size) for start in range(0, count, size))


def available_threads() -> int:
    """CPU cores this process may use: the default of `--threads`."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
