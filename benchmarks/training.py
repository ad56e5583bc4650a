"""Time training against an ordinary PyTorch loop, and against MONAI's BasicUNet, at the demo's size or the paper's."""

import tempfile
from dataclasses import replace
from pathlib import Path

import measure
import numpy as np
import torch
from monai.networks.nets import BasicUNet
from torch.utils.data import DataLoader, Dataset

from kidney_tumor.data.slices import SliceStore, save_slices
from kidney_tumor.networks.dataset import DiskDataset, MemoryDataset
from kidney_tumor.networks.device import choose_device
from kidney_tumor.networks.hardware import DEVICE_KEYS, THREADS
from kidney_tumor.networks.loss import compute_loss
from kidney_tumor.networks.models import Architecture
from kidney_tumor.networks.training import Hyperparameters, Task, train
from kidney_tumor.networks.unet import UNet
from kidney_tumor.schema import fill_dataclass, read_defaults
from kidney_tumor.volumes.grid import Geometry

WINDOW = (-79, 304)
SCALES = {
    "demo": {"size": 96, "batch_size": 4, "base_channels": 8, "slices": 96},
    "paper": {"size": 256, "batch_size": 16, "base_channels": 64, "slices": 14800},
}


class FileDataset(Dataset):
    """Slices as most programs keep them, each in a compressed file and windowed when it is read."""

    def __init__(self, folder):
        self.paths = sorted(folder.glob("*.npz"))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with np.load(self.paths[index]) as file:
            image, mask = file["image"].astype(np.float32), file["mask"].astype(np.float32)
        image = np.clip((image - WINDOW[0]) / (WINDOW[1] - WINDOW[0]), 0, 1)
        return torch.from_numpy(image)[None], torch.from_numpy(mask)[None]


def make_plain_epoch(network, loader, torch_device):
    """Make an epoch as tutorials write it, in float32 with a file for each slice and the loss read after every step."""
    network.to(torch_device).train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def run_epoch():
        torch.use_deterministic_algorithms(False)
        total = 0.0
        for images, masks in loader:
            images, masks = images.to(torch_device), masks.to(torch_device)
            optimizer.zero_grad()
            loss = compute_loss(network(images), masks, 0.5)
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total

    return run_epoch


def make_hyperparameters(**changes):
    """Make the hyperparameters of the defaults, but for some changes."""
    return fill_dataclass(Hyperparameters, {**read_defaults()["training"], "negatives": 0.0, **changes})


def make_own_epoch(dataset, scale, device):
    """Make an epoch of this project's training, which includes making the network."""
    network = Architecture(scale["base_channels"], 4, True)
    hyperparameters = make_hyperparameters(batch_size=scale["batch_size"], epochs=1)

    def run_epoch():
        torch.use_deterministic_algorithms(device.deterministic)
        train(Task(dataset, WINDOW, network, hyperparameters, device), lambda line: None)

    return run_epoch


def make_peer(channels):
    """Make MONAI's network of as many channels at each level; its last up-convolution keeps twice as many."""
    width = [channels * 2**level for level in range(5)]
    return BasicUNet(2, 1, 1, features=(*width, width[0]), norm="batch", act="relu")


def measure_matmul_rate(device):
    """Return the FLOP/s of a large matrix product in the precision of the training, the median of five measurements."""
    edge = 8192 if device.torch_device.type == "cuda" else 1024
    matrix = torch.randn(edge, edge, device=device.torch_device).to(device.precision)

    def multiply():
        for _ in range(10):
            torch.mm(matrix, matrix)
        if device.torch_device.type == "cuda":
            torch.cuda.synchronize()

    multiply()
    return 10 * 2 * edge**3 / float(np.median([measure.time_call(multiply) for _ in range(5)]))


def make_phantoms(count, size, seed=0):
    """Make phantom slices, a disc of 60 HU above noise in each: images, (n, H, W), int16 HU, and masks, uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / size
    images = rng.normal(40, 60, (min(count, 64), size, size)).astype(np.int16)
    images = images[np.arange(count) % len(images)]
    masks = np.zeros((count, size, size), np.uint8)
    for mask, (row, column, radius) in zip(masks, rng.uniform(0.2, 0.8, (count, 3)), strict=True):
        mask[np.hypot(rows - row, columns - column) < radius / 5] = 1
    images += 60 * masks
    return images, masks


def main(arguments):
    scale = dict(SCALES[arguments.scale])
    scale |= {key: value for key in scale if (value := getattr(arguments, key)) is not None}
    device = choose_device(arguments)
    torch_device, network = device.torch_device, (scale["base_channels"], 4, True)
    images, masks = make_phantoms(scale["slices"], scale["size"])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
            np.savez_compressed(folder / f"{number:05d}.npz", image=image, mask=mask)
        save_slices(folder, SliceStore(Geometry(images.shape, measure.AFFINE), images, masks))
        members = np.stack([np.zeros(len(images), int), np.arange(len(images))], 1)
        disk = DiskDataset("kidney", [folder], members, scale["size"], scale["size"], torch_device, "lower_half")
        memory = MemoryDataset(torch.from_numpy(images).to(torch_device), torch.from_numpy(masks).to(torch_device))

        def make_loop(network, workers):
            files, batch = FileDataset(folder), scale["batch_size"]
            loader = DataLoader(files, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
            return make_plain_epoch(network, loader, torch_device)

        single, channels = replace(device, precision=torch.float32), scale["base_channels"]
        contenders = {
            "PyTorch loop, DataLoader": make_loop(UNet(*network), 0),
            f"PyTorch loop, {arguments.workers} loader processes": make_loop(UNet(*network), arguments.workers),
            "MONAI BasicUNet, DataLoader": make_loop(make_peer(channels), 0),
            "here": make_own_epoch(memory, scale, device),
            "here, slices on disk": make_own_epoch(disk, scale, device),
        }
        if device != single:
            contenders["here, float32"] = make_own_epoch(memory, scale, single)
        # On a GPU one process cannot feed the loop, so the loop with loader processes is the fair reference there.
        reference = list(contenders)[torch_device.type == "cuda"]
        rate = round(measure_matmul_rate(device) / 1e9, 1)
        print(f"{scale}, on {device.name}; matrix product {rate} GFLOP/s")
        comparison = measure.compare(contenders, reference, arguments.rounds, **scale)
    measure.write_result("training", arguments, [comparison], device=device.name, matmul_gflop_s=rate)


if __name__ == "__main__":
    parser = measure.make_parser(__doc__, *DEVICE_KEYS)
    parser.add_argument(
        "--scale", choices=SCALES, default="demo", help="run whose network, slices and batch size are used"
    )
    for key in SCALES["demo"]:
        parser.add_argument(f"--{key.replace('_', '-')}", type=int, help="the scale's if left out")
    parser.add_argument("--workers", type=int, default=2, help="number of loader processes of the second PyTorch loop")
    parser.add_argument("--threads", type=int, default=THREADS, help="number of CPU threads")
    main(parser.parse_args())
