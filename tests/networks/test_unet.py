"""The U-Net: its size, its initialization and its output."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from kidney_tumor.networks.unet import UNet


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (2, 1, 16, 32), (1, 1, 37, 53), (3, 1, 16, 17)])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_any_size_keeps_its_shape(shape, batch_norm):
    network = UNet(base_channels=2, depth=4, batch_norm=batch_norm)
    assert network(torch.rand(shape)).shape == shape


def test_full_size_is_the_original_u_net():
    """The original's channels, and 96.2 GFLOP for a slice of 256 x 256 pixels, as counted on paper."""
    with torch.device("meta"):
        network = UNet(base_channels=64, depth=4, batch_norm=False)
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 1, 256, 256))
    assert counter.get_total_flops() == pytest.approx(96.2e9, rel=0.001)
    widths = [block[0].out_channels for block in network.encoder]
    assert widths == [64, 128, 256, 512, 1024]
    skip_inputs = [block[0].in_channels for block in network.decoder]
    assert skip_inputs == [1024, 512, 256, 128]
    pairs = [(2 * n * n * 9 + n) + (n * n * 9 + n) + (2 * n * n * 4 + n) for n in (64, 128, 256, 512)]  # decoder, up
    downs = [(a * b * 9 + b) + (b * b * 9 + b) for a, b in zip([1, *widths], widths, strict=False)]
    assert sum(p.numel() for p in network.parameters()) == sum(pairs) + sum(downs) + 64 + 1


def test_initialization_is_gaussian_with_zero_biases():
    network = UNet(base_channels=16, depth=2, batch_norm=True)
    network.initialize(torch.Generator().manual_seed(0))
    up = network.up[0].weight  # 64 to 32 channels, 2 x 2, stride 2: each output value has 64 inputs
    assert up.std().item() == pytest.approx(math.sqrt(1 / 64), rel=0.03)
    weight = network.encoder[2][3].weight.detach().flatten()  # 64 to 64 channels, 3 x 3
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.02)
    assert (weight.abs() < weight.std()).float().mean().item() == pytest.approx(0.6827, abs=0.01)  # of a Gaussian
    convolutions = [m for m in network.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.ConvTranspose2d))]
    assert all((m.bias == 0).all() for m in convolutions)
