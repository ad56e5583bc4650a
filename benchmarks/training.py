"""Time training against an ordinary PyTorch loop, and against MONAI's BasicUNet, at the demo's size or the paper's."""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import measure
import numpy as np
import torch
import torch._inductor.config
from monai.networks.nets import BasicUNet
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from kits.data.nifti import Geometry
from kits.data.slices import SliceStore, save_slices
from kits.networks import models
from kits.networks.dataset import DiskDataset, MemoryDataset
from kits.networks.device import add_device_options, choose_device
from kits.networks.training import Hyperparameters, compute_loss, train
from kits.networks.unet import Architecture, UNet

WINDOW = (-79, 304)
SCALES = {
    "demo": {"size": 96, "batch_size": 4, "base_channels": 8, "slices": 96},
    "paper": {"size": 256, "batch_size": 16, "base_channels": 64, "slices": 14800},
}


class Files(Dataset):
    """Slices as most programs keep them: a compressed file each, windowed when it is read."""

    def __init__(self, folder):
        self.paths = sorted(folder.glob("*.npz"))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with np.load(self.paths[index]) as file:
            image, mask = file["image"].astype(np.float32), file["mask"].astype(np.float32)
        image = np.clip((image - WINDOW[0]) / (WINDOW[1] - WINDOW[0]), 0, 1)
        return torch.from_numpy(image)[None], torch.from_numpy(mask)[None]


def ordinary(network, loader, device):
    """An epoch as tutorials write it: float32, a file a slice, the loss read after every step."""
    network.to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def epoch():
        torch.use_deterministic_algorithms(False)
        total = 0.0
        for images, masks in loader:
            images, masks = images.to(device), masks.to(device)
            optimizer.zero_grad()
            loss = compute_loss(network(images), masks, 0.5)
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total

    return epoch


def here(samples, scale, chosen, **changes):
    """An epoch of this project's training, the making of the network included."""
    network = Architecture(scale["base_channels"])
    settings = Hyperparameters(epochs=1, batch_size=scale["batch_size"], **changes)

    def epoch():
        torch.use_deterministic_algorithms(chosen.deterministic)
        train(samples, WINDOW, network, settings, chosen, lambda line: None)

    return epoch


def epochs(samples, scale, chosen, count, compile):
    """Seconds of the first epoch, in which a network is compiled, and the median of those after it."""
    torch.use_deterministic_algorithms(chosen.deterministic)
    torch._inductor.config.force_disable_caches = True  # of an earlier run's compilation
    settings = Hyperparameters(epochs=count + 1, batch_size=scale["batch_size"], compile=compile)
    _, record = train(samples, WINDOW, Architecture(scale["base_channels"]), settings, chosen, lambda line: None)
    first, *later = (epoch["seconds"] for epoch in record["history"])
    return {"first": first, "later": measure.spread(later)}


def matmul_rate(chosen):
    """FLOP/s of a large matrix product in the precision of the training: the median of five."""
    edge = 8192 if chosen.torch_device.type == "cuda" else 1024
    matrix = torch.randn(edge, edge, device=chosen.torch_device).to(chosen.precision)

    def product():
        for _ in range(10):
            torch.mm(matrix, matrix)
        if chosen.torch_device.type == "cuda":
            torch.cuda.synchronize()

    product()
    return 10 * 2 * edge**3 / float(np.median([measure.timed(product) for _ in range(5)]))


def step_flop(network, size):
    """FLOP to train on one slice: three times those of the forward pass."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network.eval()(torch.zeros(1, 1, size, size))
    return 3 * counter.get_total_flops()


def phantoms(count, size, seed=0):
    """Discs of 60 HU above noise: images, (n, H, W) int16 HU, and masks, uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / size
    images = rng.normal(40, 60, (min(count, 64), size, size)).astype(np.int16)
    images = images[np.arange(count) % len(images)]
    masks = np.zeros((count, size, size), np.uint8)
    for mask, (row, column, radius) in zip(masks, rng.uniform(0.2, 0.8, (count, 3)), strict=True):
        mask[np.hypot(rows - row, columns - column) < radius / 5] = 1
    images += 60 * masks
    return images, masks


def held_out_dice(samples, scale, chosen, epochs):
    """Dice on slices that training did not see."""
    network, _ = train(
        samples,
        WINDOW,
        Architecture(scale["base_channels"]),
        Hyperparameters(epochs=epochs, batch_size=scale["batch_size"]),
        chosen,
        lambda line: None,
    )
    images, truth = phantoms(64, scale["size"], seed=1)
    model = models.Model(network.eval(), "kidney", scale["size"], WINDOW)
    (mask,) = models.predict_slices([model], images, chosen, scale["batch_size"], 0.5)
    return float(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))


def main(arguments):
    scale = dict(SCALES[arguments.scale])
    scale |= {key: value for key in scale if (value := getattr(arguments, key)) is not None}
    chosen = choose_device(arguments)
    device = chosen.torch_device
    images, masks = phantoms(scale["slices"], scale["size"])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
            np.savez_compressed(folder / f"{number:05d}.npz", image=image, mask=mask)
        save_slices(folder, SliceStore(Geometry(images.shape, np.eye(4).tolist()), images, masks))
        members = np.stack([np.zeros(len(images), int), np.arange(len(images))], 1)
        disk = DiskDataset("kidney", [folder], members, scale["size"], scale["size"], device)
        memory = MemoryDataset(torch.from_numpy(images).to(device), torch.from_numpy(masks).to(device))
        width = [scale["base_channels"] * 2**level for level in range(5)]

        def loader(workers):
            return DataLoader(
                Files(folder), scale["batch_size"], shuffle=True, num_workers=workers, persistent_workers=workers > 0
            )

        def monai():
            return BasicUNet(2, 1, 1, features=(*width, width[0]), norm="batch", act="relu")

        other = replace(chosen, deterministic=not chosen.deterministic)
        single = replace(chosen, precision=torch.float32)
        contenders = {
            "PyTorch loop, DataLoader": ordinary(UNet(scale["base_channels"]), loader(0), device),
            f"PyTorch loop, {arguments.workers} loader processes": ordinary(
                UNet(scale["base_channels"]), loader(arguments.workers), device
            ),
            "MONAI BasicUNet, DataLoader": ordinary(monai(), loader(0), device),
            "here": here(memory, scale, chosen),
            "here, slices on disk": here(disk, scale, chosen),
        }
        if device.type == "cuda":
            contenders["here, deterministic: true"] = here(memory, scale, other)
        if chosen != single:
            contenders["here, float32"] = here(memory, scale, single)
        # On a GPU one process cannot feed the loop: loader processes are the honest reference there.
        reference = list(contenders)[device.type == "cuda"]
        ceiling = matmul_rate(chosen)
        ours, theirs = (step_flop(network, scale["size"]) for network in (UNet(scale["base_channels"]), monai()))
        print(f"{scale}, on {chosen.name}; matrix product {ceiling / 1e9:.0f} GFLOP/s")
        comparison = measure.compare(contenders, reference, arguments.rounds, **scale)
        for row in comparison["rows"]:
            rate = scale["slices"] / row["seconds"]["median"]
            flop = theirs if "MONAI" in row["name"] else ours
            row["slices_per_second"], row["share_of_matmul"] = round(rate, 1), round(rate * flop / ceiling, 3)
        print({row["name"]: (row["slices_per_second"], row["share_of_matmul"]) for row in comparison["rows"]})
        facts = {
            "device": chosen.name,
            "step_gflop": {"here": ours / 1e9, "MONAI": theirs / 1e9},
            "matmul_gflop_s": round(ceiling / 1e9, 1),
        }
        if arguments.compile:
            fast = chosen if not chosen.deterministic else other
            facts["compile"] = {str(on): epochs(memory, scale, fast, arguments.rounds, on) for on in (False, True)}
            print(f"torch.compile: {facts['compile']}")
        if chosen != single:
            kinds = {chosen.name: chosen, single.name: single}
            facts["dice"] = {
                name: held_out_dice(memory, scale, kind, arguments.dice_epochs) for name, kind in kinds.items()
            }
            print(facts["dice"])
    measure.write("training", arguments, [comparison], **facts)


if __name__ == "__main__":
    options = measure.parser(__doc__)
    options.add_argument("--scale", choices=SCALES, default="demo", help="network, slices and batch of which run")
    for key in SCALES["demo"]:
        options.add_argument(f"--{key.replace('_', '-')}", type=int, help="other than the scale's")
    options.add_argument("--workers", type=int, default=2, help="loader processes of the second reference")
    options.add_argument("--compile", action=argparse.BooleanOptionalAction, default=False, help="try torch.compile")
    options.add_argument("--dice-epochs", type=int, default=4, help="epochs before mixed precision is compared")
    add_device_options(options)
    main(options.parse_args())
