"""The original U-Net (Ronneberger et al. 2015) with one sigmoid output channel (paper, section 2.1)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from kits.cli import describe


def convolve_twice(inputs: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    """Two 3 x 3 convolutions, each followed by (batch normalisation and) ReLU; height and width are kept."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers.append(nn.Conv2d(channels, outputs, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(outputs))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


@dataclass(frozen=True)
class Architecture:
    """The section `network` of the configuration; config/README.md says where each value comes from."""

    base_channels: int = describe(64, "channels of the first level")
    depth: int = describe(4, "number of poolings")
    batch_norm: bool = describe(True, "normalize after each convolution")


class UNet(nn.Module):
    """Encoder and decoder with skip connections; channels double at each of `depth` poolings.

    Args:
        base_channels: of the first level; the original has 64.
        depth: number of poolings; the original has 4.
        batch_norm: normalise after each convolution.
    """

    def __init__(self, base_channels: int = 64, depth: int = 4, batch_norm: bool = True) -> None:
        super().__init__()
        width = [base_channels * 2**level for level in range(depth + 1)]
        self.encoder = nn.ModuleList(
            convolve_twice(inputs, outputs, batch_norm) for inputs, outputs in zip([1, *width], width, strict=False)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(width[level + 1], width[level], 2, stride=2) for level in reversed(range(depth))
        )
        self.decoder = nn.ModuleList(
            convolve_twice(2 * width[level], width[level], batch_norm) for level in reversed(range(depth))
        )
        self.output = nn.Conv2d(base_channels, 1, 1)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw weights from a Gaussian that keeps the variance of features; set biases to zero.

        Variance 2 / inputs before a ReLU, as in the original U-Net, and 1 / inputs in up-convolutions, which none
        follows; `inputs` are the values that enter one output value.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                variance = 2 / (module.in_channels * module.kernel_size[0] ** 2)
            elif isinstance(module, nn.ConvTranspose2d):
                variance = 1 / module.in_channels
            else:
                continue
            nn.init.normal_(module.weight, std=math.sqrt(variance), generator=generator)
            nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        """Logits, (batch, 1, H, W), of images, (batch, 1, H, W); any H and W of at least 2 ** depth pixels."""
        skips: list[Tensor] = []
        features = image
        for level, convolve in enumerate(self.encoder):
            features = convolve(features if level == 0 else functional.max_pool2d(features, 2))
            skips.append(features)
        skips.pop()
        for up, convolve in zip(self.up, self.decoder, strict=True):
            skip, features = skips.pop(), up(features)
            missing = (skip.shape[3] - features.shape[3], skip.shape[2] - features.shape[2])
            if any(missing):  # pooling an odd size dropped a row or column
                features = functional.pad(features, (0, missing[0], 0, missing[1]))
            features = convolve(torch.cat([skip, features], 1))
        return self.output(features)


@torch.inference_mode()
def trace_features(network: UNet, rows: int, columns: int) -> list[tuple[str, int, int, int]]:
    """What flows through a network: `encoder`, `decoder` or `output`, channels, rows and columns, in order.

    Args:
        network: on the CPU; one empty image is sent through it.
        rows: of the image, pixels.
        columns: of the image, pixels.
    """
    found: list[tuple[str, int, int, int]] = []
    watched = [("encoder", network.encoder), ("decoder", network.decoder), ("output", [network.output])]
    hooks = [
        module.register_forward_hook(lambda _, __, result, kind=kind: found.append((kind, *result.shape[1:])))
        for kind, modules in watched
        for module in modules
    ]
    network.eval()(torch.zeros(1, 1, rows, columns))
    for hook in hooks:
        hook.remove()
    return found
