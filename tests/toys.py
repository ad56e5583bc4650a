"""Small networks, and slices that they learn in seconds."""

import argparse

import numpy as np
import torch

from kits import compute, samples
from kits.training import Settings, train

CPU = compute.Compute(torch.device("cpu"))
SMALL = {"base_channels": 4, "depth": 2}


def squares(rng, count=24, size=16):
    """Slices with a bright square on noise, and its mask."""
    images = rng.normal(0, 30, (count, size, size)).astype(np.int16)
    masks = np.zeros((count, size, size), np.uint8)
    for image, mask in zip(images, masks, strict=True):
        y, x = rng.integers(0, size - 6, 2)
        mask[y : y + 6, x : x + 6] = 1
        image += 200 * mask.astype(np.int16)
    return images, masks


def slices_of(images, masks):
    return samples.InMemory(torch.from_numpy(images), torch.from_numpy(masks))


def chosen(*options):
    """What scripts compute with, given these options: on the CPU in float32 unless they say otherwise."""
    parser = argparse.ArgumentParser()
    compute.add_arguments(parser)
    return compute.choose(parser.parse_args(["--device", "cpu", "--precision", "float32", "--threads", "1", *options]))


def fitted(images, masks, **changes):
    settings = Settings(**{"epochs": 12, "batch_size": 4, "learning_rate": 0.01, "seed": 5, **changes})
    return train(slices_of(images, masks), (-79, 304), SMALL, settings, chosen(), lambda line: None)
