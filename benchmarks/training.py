"""Time training against an ordinary PyTorch loop, and against MONAI's BasicUNet, at the demo's size or the paper's."""

import tempfile
from dataclasses import replace
from pathlib import Path

import measure
import numpy as np
import torch
from monai.networks.nets import BasicUNet
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from kidney_tumor.data.slices import SliceStore, save_slices
from kidney_tumor.networks import models
from kidney_tumor.networks.dataset import DiskDataset, MemoryDataset
from kidney_tumor.networks.device import add_device_options, choose_device
from kidney_tumor.networks.loss import compute_loss
from kidney_tumor.networks.training import Hyperparameters, Task, train
from kidney_tumor.networks.unet import Architecture, UNet
from kidney_tumor.volumes.grid import Geometry

WINDOW = (-79, 304)
SCALES = {
    "demo": {"size": 96, "batch_size": 4, "base_channels": 8, "slices": 96},
    "paper": {"size": 256, "batch_size": 16, "base_channels": 64, "slices": 14800},
}
SCALE_HELP = {
    "size": "side of a slice in pixels",
    "batch_size": "number of slices in a batch",
    "base_channels": "number of channels of the first level",
    "slices": "number of slices",
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


def make_own_epoch(dataset, scale, device, **changes):
    """Make an epoch of this project's training, which includes making the network; `changes` are hyperparameters."""
    network = Architecture(scale["base_channels"])
    hyperparameters = Hyperparameters(epochs=1, batch_size=scale["batch_size"], **changes)

    def run_epoch():
        torch.use_deterministic_algorithms(device.deterministic)
        train(Task(dataset, WINDOW, network, hyperparameters, device), lambda line: None)

    return run_epoch


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


def count_step_flop(network, size):
    """Return the FLOP of training on one slice, which are three times those of the forward pass."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network.eval()(torch.zeros(1, 1, size, size))
    return 3 * counter.get_total_flops()


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


def measure_dice(dataset, scale, device, epochs):
    """Train a network and return its Dice coefficient on slices that it has not seen."""
    hyperparameters = Hyperparameters(epochs=epochs, batch_size=scale["batch_size"])
    task = Task(dataset, WINDOW, Architecture(scale["base_channels"]), hyperparameters, device)
    network, _ = train(task, lambda line: None)
    images, truth = make_phantoms(64, scale["size"], seed=1)
    model = models.Model(network.eval(), "kidney", scale["size"], WINDOW)
    mask = models.predict_probabilities([model], images, device, scale["batch_size"])[0] > 0.5
    return float(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))


def main(arguments):
    scale = dict(SCALES[arguments.scale])
    scale |= {key: value for key in scale if (value := getattr(arguments, key)) is not None}
    device = choose_device(arguments)
    torch_device = device.torch_device
    images, masks = make_phantoms(scale["slices"], scale["size"])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
            np.savez_compressed(folder / f"{number:05d}.npz", image=image, mask=mask)
        save_slices(folder, SliceStore(Geometry(images.shape, measure.AFFINE), images, masks))
        members = np.stack([np.zeros(len(images), int), np.arange(len(images))], 1)
        disk = DiskDataset("kidney", [folder], members, scale["size"], scale["size"], torch_device)
        memory = MemoryDataset(torch.from_numpy(images).to(torch_device), torch.from_numpy(masks).to(torch_device))
        width = [scale["base_channels"] * 2**level for level in range(5)]

        def make_loader(workers):
            return DataLoader(
                FileDataset(folder),
                scale["batch_size"],
                shuffle=True,
                num_workers=workers,
                persistent_workers=workers > 0,
            )

        def make_monai():
            return BasicUNet(2, 1, 1, features=(*width, width[0]), norm="batch", act="relu")

        other = replace(device, deterministic=not device.deterministic)
        single = replace(device, precision=torch.float32)
        contenders = {
            "PyTorch loop, DataLoader": make_plain_epoch(UNet(scale["base_channels"]), make_loader(0), torch_device),
            f"PyTorch loop, {arguments.workers} loader processes": make_plain_epoch(
                UNet(scale["base_channels"]), make_loader(arguments.workers), torch_device
            ),
            "MONAI BasicUNet, DataLoader": make_plain_epoch(make_monai(), make_loader(0), torch_device),
            "here": make_own_epoch(memory, scale, device),
            "here, slices on disk": make_own_epoch(disk, scale, device),
        }
        if torch_device.type == "cuda":
            contenders["here, deterministic: true"] = make_own_epoch(memory, scale, other)
        if device != single:
            contenders["here, float32"] = make_own_epoch(memory, scale, single)
        # On a GPU one process cannot feed the loop, so the loop with loader processes is the fair reference there.
        reference = list(contenders)[torch_device.type == "cuda"]
        ceiling = measure_matmul_rate(device)
        ours = count_step_flop(UNet(scale["base_channels"]), scale["size"])
        theirs = count_step_flop(make_monai(), scale["size"])
        print(f"{scale}, on {device.name}; matrix product {ceiling / 1e9:.0f} GFLOP/s")
        comparison = measure.compare(contenders, reference, arguments.rounds, **scale)
        for row in comparison["rows"]:
            rate = scale["slices"] / row["seconds"]["median"]
            flop = theirs if "MONAI" in row["name"] else ours
            row["slices_per_second"], row["share_of_matmul"] = round(rate, 1), round(rate * flop / ceiling, 3)
        print({row["name"]: (row["slices_per_second"], row["share_of_matmul"]) for row in comparison["rows"]})
        facts = {
            "device": device.name,
            "step_gflop": {"here": ours / 1e9, "MONAI": theirs / 1e9},
            "matmul_gflop_s": round(ceiling / 1e9, 1),
        }
        if device != single:
            kinds = {device.name: device, single.name: single}
            facts["dice"] = {
                name: measure_dice(memory, scale, kind, arguments.dice_epochs) for name, kind in kinds.items()
            }
            print(facts["dice"])
    measure.write_record("training", arguments, [comparison], **facts)


if __name__ == "__main__":
    parser = measure.make_parser(__doc__)
    parser.add_argument(
        "--scale", choices=SCALES, default="demo", help="run whose network, slices and batch size are used"
    )
    for key in SCALES["demo"]:
        parser.add_argument(f"--{key.replace('_', '-')}", type=int, help=f"{SCALE_HELP[key]}; the scale's if left out")
    parser.add_argument("--workers", type=int, default=2, help="number of loader processes of the second PyTorch loop")
    parser.add_argument(
        "--dice-epochs", type=int, default=4, help="number of epochs before the Dice of both precisions is measured"
    )
    add_device_options(parser)
    main(parser.parse_args())
