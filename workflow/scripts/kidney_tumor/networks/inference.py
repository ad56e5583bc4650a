"""Predictions of networks by PyTorch: during a training, and on a GPU."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from kidney_tumor.data.slices import crop_to_view
from kidney_tumor.networks.device import Device
from kidney_tumor.networks.models import Model, View
from kidney_tumor.networks.unet import UNet


def normalize(images: Tensor, hu_window: tuple[float, float]) -> Tensor:
    """Clip images to a window in HU and scale it to 0..1: int16 HU, (n, H, W), to float32, (n, 1, H, W)."""
    low, high = hu_window
    return ((images.float() - low) / (high - low)).clamp(0, 1).unsqueeze(1)


def copy_weights(network: UNet) -> dict[str, np.ndarray]:
    """Copy the weights of a network and the statistics of its batch normalization, as a `Model` holds them."""
    return {name: value.to("cpu", copy=True).contiguous().numpy() for name, value in network.state_dict().items()}


@torch.inference_mode()
def predict_probabilities(
    networks: Sequence[tuple[UNet, View]], images: np.ndarray, device: Device, batch_size: int
) -> list[np.ndarray]:
    """Compute what several networks say of every slice, in one pass over the slices.

    Args:
        networks: The networks, in evaluation mode, and what each sees of the slices.
        images: The slices in HU, shape (slices, size, size), int16.
        device: The device that holds the networks.
        batch_size: The number of slices that are segmented at a time.

    Returns:
        For each network its sigmoid outputs, shape (slices, H, W), float32, of the part of the slices that it sees.
    """
    slices = torch.from_numpy(images)
    results = [
        torch.empty(crop_to_view(slices, view.target, view.tumor_rows).shape, device=device.torch_device)
        for _, view in networks
    ]
    with device.autocast():
        for start in range(0, len(images), batch_size):
            batch = slices[start : start + batch_size].to(device.torch_device)
            for (network, view), result in zip(networks, results, strict=True):
                seen = normalize(crop_to_view(batch, view.target, view.tumor_rows), view.hu_window)
                result[start : start + batch_size] = torch.sigmoid(network(seen)[:, 0].float())
    return [result.cpu().numpy() for result in results]


@dataclass(frozen=True)
class TorchEngine:
    """PyTorch, as `engines.Engine` describes it."""

    device: Device

    @property
    def name(self) -> str:
        """The device and the precision."""
        return self.device.name

    def load(self, model: Model) -> tuple[UNet, View]:
        """Make a network of a model."""
        network = UNet(**asdict(model.architecture))
        network.load_state_dict({name: torch.tensor(value) for name, value in model.weights.items()})
        self.device.hold(network.eval())
        return network, model.view

    def predict(self, networks: Sequence[tuple[UNet, View]], images: np.ndarray, batch_size: int) -> list[np.ndarray]:
        """Compute what several networks say of every slice."""
        return predict_probabilities(networks, images, self.device, batch_size)
