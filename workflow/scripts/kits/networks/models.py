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

from kits.cli import UserError, write_atomically
from kits.data.slices import crop_to_view, describe_damage
from kits.networks.device import Device
from kits.networks.unet import Architecture, UNet


@dataclass(frozen=True)
class Model:
    """A trained network, its target, and the slice size in pixels and the window in HU with which it was trained."""

    network: UNet
    target: str
    size: int
    hu_window: tuple[float, float]


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
    }
    write_tensors(path, content)


def write_tensors(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and values that JSON can hold to a file, completely or not at all."""
    buffer = io.BytesIO()  # torch.save to a file does not raise an OSError where writing fails
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
        model = Model(network.eval(), content["target"], content["size"], tuple(content["hu_window"]))
    except (OSError, MemoryError):  # reading failed, the file may be good
        raise
    except Exception as error:  # torch raises many kinds of errors for a broken file
        raise describe_damage(path, type(error).__name__) from error
    # Outside the block above, since the file is not damaged if the device's memory is full.
    network.to(device.torch_device, memory_format=torch.channels_last)
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
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


@torch.inference_mode()
def predict_slices(
    networks: Sequence[Model], images: np.ndarray, device: Device, batch_size: int, threshold: float
) -> list[np.ndarray]:
    """Segment every slice with several networks, in one pass over the slices.

    Args:
        networks: The trained networks; a tumor network sees the lower half of each slice.
        images: The slices in HU, shape (slices, size, size), int16.
        device: The device that holds the networks.
        batch_size: The number of slices that are segmented at a time.
        threshold: The sigmoid output above which a pixel is foreground.

    Returns:
        For each network its masks, shape (slices, H, W), uint8, 0 or 1, of the part of the slices that it sees.
    """
    slices = torch.from_numpy(images)
    masks = [
        torch.empty(crop_to_view(slices, model.target).shape, dtype=torch.uint8, device=device.torch_device)
        for model in networks
    ]
    with device.autocast():
        for start in range(0, len(images), batch_size):
            batch = slices[start : start + batch_size].to(device.torch_device)
            for model, mask in zip(networks, masks, strict=True):
                logits = model.network(normalize(crop_to_view(batch, model.target), model.hu_window))[:, 0]
                mask[start : start + batch_size] = torch.sigmoid(logits.float()) > threshold
    return [mask.cpu().numpy() for mask in masks]
