"""The original U-Net (Ronneberger et al. 2015) with one sigmoid output channel (paper, section 2.1)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def convolve_twice(inputs: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    """Make two 3 x 3 convolutions that keep the size, each followed by (batch normalization and) ReLU."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers.append(nn.Conv2d(channels, outputs, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(outputs))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """An encoder and a decoder with skip connections, by a `models.Architecture`; a pooling doubles the channels."""

    def __init__(self, base_channels: int, depth: int, batch_norm: bool) -> None:
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

    def initialize(self, generator: torch.Generator) -> None:
        """Draw weights from a Gaussian that keeps the variance of features; set biases to zero.

        The variance is 2 / inputs before a ReLU, as in the original U-Net, and 1 / inputs in up-convolutions, which no
        ReLU follows; inputs is the number of values from which one output value is computed.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                variance = 2 / (module.in_channels * module.kernel_size[0] ** 2)
            elif isinstance(module, nn.ConvTranspose2d):
                variance = 1 / module.in_channels
            else:
                continue
            nn.init.normal_(module.weight, std=math.sqrt(variance), generator=generator)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # each of these convolutions has a bias

    def forward(self, image: Tensor) -> Tensor:
        """Compute the logits of images, both of shape (batch, 1, H, W), with H and W of at least 2 ** depth pixels."""
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
        logits: Tensor = self.output(features)
        return logits


@torch.inference_mode()
def trace_features(network: UNet, rows: int, columns: int) -> list[tuple[str, int, int, int]]:
    """Trace the features of a network by sending one empty image through it.

    Args:
        network: The network, on the CPU.
        rows: The number of rows of the image, in pixels.
        columns: The number of columns of the image, in pixels.

    Returns:
        The part (`encoder`, `decoder` or `output`), channels, rows and columns of each level's features, in order.
    """
    found: list[tuple[str, int, int, int]] = []
    watched = {"encoder": network.encoder, "decoder": network.decoder, "output": nn.ModuleList([network.output])}
    hooks = [
        module.register_forward_hook(lambda _, __, result, kind=kind: found.append((kind, *result.shape[1:])))
        for kind, modules in watched.items()
        for module in modules
    ]
    network.eval()(torch.zeros(1, 1, rows, columns))
    for hook in hooks:
        hook.remove()
    return found
