"""Random changes of training slices, which the paper does not have: kornia's, the same in a resumed training."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

Augmentation = Literal["none", "standard"]


@cache
def make_transforms() -> Any:
    """Make the transforms: left and right exchanged, rotation, scale, brightness, contrast and gamma.

    Rotation and scale are those of nnU-Net's default (Isensee et al. 2021), but for a rotation of 15 degrees at most,
    since patients lie straight; what comes from outside the slice is as air.
    """
    from kornia import augmentation  # off by default, and slow to import

    return augmentation.AugmentationSequential(
        augmentation.RandomHorizontalFlip(p=0.5),
        augmentation.RandomAffine(degrees=15, scale=(0.7, 1.4), p=0.5),
        augmentation.RandomBrightness(brightness=(0.9, 1.1), p=0.3),
        augmentation.RandomContrast(contrast=(0.75, 1.25), p=0.3),
        augmentation.RandomGamma(gamma=(0.7, 1.5), p=0.3),
        data_keys=["input", "mask"],
    )


def augment(images: Tensor, masks: Tensor, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Change each slice of a batch at random, and its mask with it.

    Args:
        images: The images, shape (batch, 1, H, W), from 0 to 1.
        masks: The masks, shape (batch, 1, H, W), 0 or 1.
        seeds: Numbers that decide the changes.
    """
    state = np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0]
    with torch.random.fork_rng():
        torch.manual_seed(int(state >> np.uint64(1)))
        changed, moved = make_transforms()(images, masks)
    return changed, moved
