"""Trained networks: their input, their files and their predictions."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kidney_tumor.data.descriptions import describe_damage
from kidney_tumor.data.slices import crop_to_view
from kidney_tumor.errors import UserError
from kidney_tumor.files import write_atomically
from kidney_tumor.networks.device import Device
from kidney_tumor.networks.unet import Architecture, UNet


@dataclass(frozen=True)
class Model:
    """A trained network, its target, and the slices with which it was trained.

    Attributes:
        network: The network.
        target: What it segments, `kidney` or `tumor`.
        size: The rows and columns of a slice, in pixels.
        hu_window: The lowest and the highest HU that it distinguishes.
        tumor_rows: The rows of a slice that a tumor network sees, `lower_half` or `all`.
    """

    network: UNet
    target: str
    size: int
    hu_window: tuple[float, float]
    tumor_rows: str


def normalize(images: Tensor, hu_window: tuple[float, float]) -> Tensor:
    """Clip images to a window in HU and scale it to 0..1: int16 HU, (n, H, W), to float32, (n, 1, H, W)."""
    low, high = hu_window
    return ((images.float() - low) / (high - low)).clamp(0, 1).unsqueeze(1)


def save_model(path: Path, model: Model, architecture: Architecture) -> None:
    """Save a model's weights with everything that is needed to use them."""
    content = {
        "state_dict": {name: value.cpu().contiguous() for name, value in model.network.state_dict().items()},
        "network": asdict(architecture),
        "target": model.target,
        "size": model.size,
        "hu_window": list(model.hu_window),
        "tumor_rows": model.tumor_rows,
    }
    write_tensors(path, content)


def write_tensors(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and values that JSON can hold to a file, completely or not at all."""
    buffer = io.BytesIO()  # torch.save to a file does not always raise an OSError where writing fails
    torch.save(content, buffer)
    with write_atomically(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_model(path: Path, target: str, device: Device) -> Model:
    """Load a model for inference.

    Raises:
        UserError: The file is missing, damaged, or holds a model of another target.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; train it first")
    try:
        content = read_tensors(path)
        network = UNet(**content["network"])
        network.load_state_dict(content["state_dict"])
        low, high = content["hu_window"]
        model = Model(network.eval(), content["target"], content["size"], (low, high), content["tumor_rows"])
    except (OSError, MemoryError):  # reading failed, the file may be good
        raise
    except Exception as error:  # torch raises many kinds of errors for a broken file
        raise describe_damage(path, type(error).__name__) from error
    # Outside the block above, since the file is not damaged if the device's memory is full.
    device.hold(network)
    if model.target != target:
        raise UserError(f"{path} is a {model.target} model; expected a {target} model")
    return model


def read_tensors(path: Path) -> dict[str, Any]:
    """Read a file that `write_tensors` wrote; nothing in it is executed.

    Raises:
        ValueError: A byte of the file was changed.
        Exception: torch and zipfile raise many kinds of errors for a file that is truncated or has another format.
    """
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:  # torch does not verify the checksums
        if changed := archive.testzip():
            raise ValueError(f"{changed} fails its checksum")
    tensors: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return tensors


@torch.inference_mode()
def predict_probabilities(
    networks: Sequence[Model], images: np.ndarray, device: Device, batch_size: int
) -> list[np.ndarray]:
    """Compute what several networks say of every slice, in one pass over the slices.

    Args:
        networks: The trained networks.
        images: The slices in HU, shape (slices, size, size), int16.
        device: The device that holds the networks.
        batch_size: The number of slices that are segmented at a time.

    Returns:
        For each network its sigmoid outputs, shape (slices, H, W), float32, of the part of the slices that it sees.
    """
    slices = torch.from_numpy(images)
    results = [
        torch.empty(crop_to_view(slices, model.target, model.tumor_rows).shape, device=device.torch_device)
        for model in networks
    ]
    with device.autocast():
        for start in range(0, len(images), batch_size):
            batch = slices[start : start + batch_size].to(device.torch_device)
            for model, result in zip(networks, results, strict=True):
                seen = normalize(crop_to_view(batch, model.target, model.tumor_rows), model.hu_window)
                result[start : start + batch_size] = torch.sigmoid(model.network(seen)[:, 0].float())
    return [result.cpu().numpy() for result in results]


def average_probabilities(
    members: Sequence[Sequence[Model]], images: np.ndarray, device: Device, batch_size: int
) -> list[np.ndarray]:
    """Average the probabilities of an ensemble, whose members are the networks that `predict_probabilities` takes.

    The members must see the same part of the slices.

    Raises:
        UserError: They do not.
    """
    total: list[np.ndarray] = []
    for networks in members:
        found = predict_probabilities(networks, images, device, batch_size)
        if total and [part.shape for part in total] != [part.shape for part in found]:
            raise UserError("the networks of the ensemble see different rows of a slice; use those of one run")
        total = [before + part for before, part in zip(total, found, strict=True)] if total else found
    return [part / len(members) for part in total] if len(members) > 1 else total
