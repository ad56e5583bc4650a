"""Small networks, and slices that they learn in seconds."""

import numpy as np
import torch

from kidney_tumor import cli
from kidney_tumor.networks.dataset import MemoryDataset
from kidney_tumor.networks.device import Device, choose_device
from kidney_tumor.networks.engines import OpenVinoEngine
from kidney_tumor.networks.hardware import DEVICE_KEYS
from kidney_tumor.networks.inference import copy_weights
from kidney_tumor.networks.models import Architecture, Model, View
from kidney_tumor.networks.training import Hyperparameters, Task, train
from kidney_tumor.schema import fill_dataclass, read_defaults

CPU = Device(torch.device("cpu"))
ENGINE = OpenVinoEngine(1, "float32")
SMALL = Architecture(base_channels=4, depth=2, batch_norm=True)


def squares(rng, count=24, size=16):
    """Slices with a bright square on noise, and its mask."""
    images = rng.normal(0, 30, (count, size, size)).astype(np.int16)
    masks = np.zeros((count, size, size), np.uint8)
    for image, mask in zip(images, masks, strict=True):
        y, x = rng.integers(0, size - 6, 2)
        mask[y : y + 6, x : x + 6] = 1
        image += 200 * mask.astype(np.int16)
    return images, masks


def model_of(network, *view, architecture=SMALL):
    """The model of a network, which sees slices in a view: a target, a size, a window in HU, and rows."""
    return Model(copy_weights(network), architecture, View(*view))


def slices_of(images, masks):
    return MemoryDataset(torch.from_numpy(images), torch.from_numpy(masks))


class Counted:
    """Slices that count the batches over all epochs, and act before each."""

    def __init__(self, slices, act):
        self.slices, self.act = slices, act
        self.shape, self.count = slices.shape, 0

    def load_batches(self, order, size):
        for batch in self.slices.load_batches(order, size):
            self.count += 1
            self.act(self.count)
            yield batch


def chosen(*options):
    """Choose the device for these options of a script; by default, the CPU in float32."""
    parser = cli.make_parser("Toys.", *DEVICE_KEYS)
    parser.add_argument("--threads", type=int)
    return choose_device(parser.parse_args(["--device", "cpu", "--precision", "float32", "--threads", "1", *options]))


def hyperparameters(**changes):
    """The defaults, but for some changes."""
    return fill_dataclass(Hyperparameters, {**read_defaults()["training"], "negatives": 0.0, **changes})


def fitted(images, masks, **changes):
    settings = hyperparameters(**{"epochs": 12, "batch_size": 4, "learning_rate": 0.01, "seed": 5, **changes})
    return train(Task(slices_of(images, masks), (-79, 304), SMALL, settings, chosen()), lambda line: None)
