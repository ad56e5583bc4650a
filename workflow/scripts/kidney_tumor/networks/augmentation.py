"""Random changes of training slices, which the paper does not have: kornia's, the same in a resumed training."""

import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Augmentation = Literal["none", "standard", "strong"]
KNOTS = 6
"""The number of pieces of a curve of intensities."""


@cache
def make_transforms(augmentation: Augmentation) -> Any:
    """Make the transforms: left and right exchanged, rotation, scale, brightness, contrast and gamma.

    Rotation and scale are those of nnU-Net's default (Isensee et al. 2021), but for a rotation of 15 degrees at most,
    since patients lie straight; what comes from outside the slice is as air. `strong` adds elastic deformation of some
    2 pixels, as the original U-Net has it, and noise.
    """
    from kornia import augmentation as kornia  # off by default, and slow to import

    warnings.filterwarnings("ignore", "Default grid_sample", module="kornia")  # its elastic transform names no default
    transforms: list[Any] = [
        kornia.RandomHorizontalFlip(p=0.5),
        kornia.RandomAffine(degrees=15, scale=(0.7, 1.4), p=0.5),
        kornia.RandomBrightness(brightness=(0.9, 1.1), p=0.3),
        kornia.RandomContrast(contrast=(0.75, 1.25), p=0.3),
        kornia.RandomGamma(gamma=(0.7, 1.5), p=0.3),
    ]
    if augmentation == "strong":
        smooth: Any = {"kernel_size": (31, 31), "sigma": (8.0, 8.0), "alpha": (1.5, 1.5)}
        transforms += [
            kornia.RandomElasticTransform(**smooth, align_corners=False, p=0.5),
            kornia.RandomGaussianNoise(std=0.03, p=0.4),
        ]
    return kornia.AugmentationSequential(*transforms, data_keys=["input", "mask"])


def augment(
    images: Tensor, masks: Tensor, seeds: Sequence[int], augmentation: Augmentation = "standard"
) -> tuple[Tensor, Tensor]:
    """Change each slice of a batch at random, and its mask with it.

    Args:
        images: The images, shape (batch, 1, H, W), from 0 to 1.
        masks: The masks, shape (batch, 1, H, W), 0 or 1.
        seeds: Numbers that decide the changes.
        augmentation: The kind of changes.
    """
    state = np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0]
    with torch.random.fork_rng():
        torch.manual_seed(int(state >> np.uint64(1)))
        if augmentation == "strong":
            images = bend_intensities(images)
        changed, moved = make_transforms(augmentation)(images, masks)
    return changed.clamp(0, 1), moved


def bend_intensities(images: Tensor) -> Tensor:
    """Bend the intensities of half of the images by a random increasing curve, as if organs took contrast otherwise.

    The curve keeps 0 and 1 and consists of straight pieces; that of Models Genesis (Zhou et al. 2019) is smooth.

    Args:
        images: The images, shape (batch, 1, H, W), from 0 to 1.
    """
    count = len(images)
    rises = torch.rand(count, KNOTS) ** 1.5 + 0.15
    rises = torch.where(torch.rand(count, 1) < 0.5, rises, 1.0)
    curve = functional.pad(rises.cumsum(1) / rises.sum(1, keepdim=True), (1, 0)).to(images)
    place = (images.flatten(1) * KNOTS).clamp(0, KNOTS)
    piece = place.long().clamp(max=KNOTS - 1)
    low, high = curve.gather(1, piece), curve.gather(1, piece + 1)
    return (low + (place - piece) * (high - low)).view_as(images)
