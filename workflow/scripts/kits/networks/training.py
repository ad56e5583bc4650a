"""Training one network (paper, section 2.1.1)."""

import math
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import ReduceLROnPlateau

from kits.cli import UserError, describe
from kits.networks.checkpoint import Checkpoint
from kits.networks.dataset import Dataset
from kits.networks.device import Device
from kits.networks.models import normalise
from kits.networks.unet import Architecture, UNet


@dataclass(frozen=True)
class Hyperparameters:
    """`training` of the configuration; config/README.md says what each is and where it comes from."""

    epochs: int = describe(50, "at most so many passes over the slices")
    batch_size: int = describe(16, "slices in an update")
    learning_rate: float = describe(1e-3, "of Adam, to begin with")
    dice_weight: float = describe(0.5, "lambda of equation 1: share of the Dice loss; the rest is cross entropy")
    scheduler_factor: float = describe(0.1, "the learning rate is multiplied by this")
    scheduler_patience: int = describe(3, "after more than so many epochs without a lower loss")
    early_stopping_patience: int = describe(10, "training stops after so many epochs without a lower loss")
    min_improvement: float = describe(1e-4, "relative fall that counts as a lower loss")
    seed: int = describe(2019, "of the weights and of the order of slices")
    compile: bool = describe(False, "compile the network first (torch.compile)")


@dataclass
class Progress:
    """How far a training is: the finished epochs, and the epoch under way.

    Attributes:
        started: UTC.
        history: a record for each finished epoch.
        best: the lowest loss that counted as lower, by `min_improvement`.
        since_best: epochs since then.
        order: (n,), of the slices in the epoch under way.
        trained: how many of them the network has seen.
        total: (), the summed loss of these.
        seconds: spent on these.
    """

    started: str
    history: list[dict[str, Any]]
    best: float
    since_best: int
    order: Tensor
    trained: int
    total: Tensor
    seconds: float


def compute_loss(logits: Tensor, mask: Tensor, dice_weight: float) -> Tensor:
    """Equation 1: (1 - lambda) BCE + lambda DICE, a scalar, with lambda = `dice_weight`.

    DICE is one minus the soft Dice coefficient of the batch as a whole.

    Args:
        logits: network output before the sigmoid, any shape.
        mask: 0 or 1, same shape, float.
    """
    bce = functional.binary_cross_entropy_with_logits(logits, mask)
    probability = torch.sigmoid(logits)
    dice = 1 - 2 * (probability * mask).sum() / (probability.sum() + mask.sum())
    return (1 - dice_weight) * bce + dice_weight * dice


def find_best_epoch(history: list[dict[str, Any]]) -> dict[str, Any]:
    """The epoch with the lowest loss, the first of several."""
    return min(history, key=lambda epoch: epoch["loss"])


def train(
    dataset: Dataset,
    hu_window: tuple[float, float],
    architecture: Architecture,
    hyperparameters: Hyperparameters,
    device: Device,
    report: Callable[[str], None] = print,
    checkpoint: Checkpoint | None = None,
) -> tuple[UNet, dict[str, Any]]:
    """Train a U-Net until the loss stops falling, `hyperparameters.epochs` at most.

    The weights returned, and the statistics of the batch normalisation with them, are those at the end of the epoch
    with the lowest mean loss, the first of several. That loss is averaged over the epoch's batches, while the weights
    move.

    With a checkpoint it goes on where an interrupted training stopped, on the CPU to bitwise the same end.

    Args:
        dataset: slices and masks.
        hu_window: lowest and highest HU the network distinguishes.
        architecture: The architecture of the network.
        hyperparameters: The hyperparameters of the optimization.
        device: where to train, and in which precision.
        report: receives a line for each epoch.
        checkpoint: keeps the state, after every epoch and when the process is told to stop.

    Returns:
        The network, and its record: the best and the final epoch, history, versions, times.

    Raises:
        UserError: the loss is not finite, or the process was told to stop.
    """
    # Try convolution algorithms: it pays for the many batches of one shape here, not for the few of a case.
    torch.backends.cudnn.benchmark = not device.deterministic
    generator = torch.Generator().manual_seed(hyperparameters.seed)
    model = UNet(**asdict(architecture))
    model.initialise(generator)
    model.to(device.torch_device, memory_format=torch.channels_last).train()
    network_step = torch.compile(model) if hyperparameters.compile else model
    optimizer = torch.optim.Adam(model.parameters(), hyperparameters.learning_rate, fused=True)
    scaler = torch.amp.GradScaler(device.torch_device.type, enabled=device.precision == torch.float16)
    scheduler = ReduceLROnPlateau(
        optimizer,
        factor=hyperparameters.scheduler_factor,
        patience=hyperparameters.scheduler_patience,
        threshold=hyperparameters.min_improvement,
    )
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "scaler": scaler}
    count, height, width = dataset.shape
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    order = torch.randperm(count, generator=generator)
    now = Progress(started, [], math.inf, 0, order, 0, torch.zeros((), device=device.torch_device), 0.0)
    best_weights: dict[str, Tensor] = {}
    if checkpoint and (saved := checkpoint.load(report)):
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        generator.set_state(saved["generator"])
        now, best_weights = Progress(**saved["progress"]), saved["best_weights"]
        now.total = now.total.to(device.torch_device)
        report(f"goes on after {len(now.history)} epochs and {now.trained} slices")

    def save() -> None:
        if checkpoint:
            states = {name: part.state_dict() for name, part in parts.items()}
            states |= {"generator": generator.get_state(), "best_weights": best_weights}
            checkpoint.save(states | {"progress": vars(now)})

    while len(now.history) < hyperparameters.epochs and now.since_best < hyperparameters.early_stopping_patience:
        epoch, epoch_started = len(now.history) + 1, time.time() - now.seconds
        for images, masks in dataset.batches(now.order[now.trained :], hyperparameters.batch_size):
            if checkpoint and checkpoint.stop_asked:
                now.seconds = time.time() - epoch_started
                save()
                raise UserError(f"told to stop in epoch {epoch}; its state is saved, the same command goes on from it")
            with device.autocast():
                logits = network_step(normalise(images, hu_window))
            loss = compute_loss(logits.float(), masks.float().unsqueeze(1), hyperparameters.dice_weight)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            now.total += loss.detach() * len(images)
            now.trained += len(images)
        loss_value, rate = now.total.item() / count, optimizer.param_groups[0]["lr"]
        if not math.isfinite(loss_value):
            narrow = ", or set precision: float32" if device.precision == torch.float16 else ""
            raise UserError(f"the loss is {loss_value} in epoch {epoch}; lower training.learning_rate{narrow}")
        seconds = time.time() - epoch_started
        now.history.append({"epoch": epoch, "loss": loss_value, "learning_rate": rate, "seconds": round(seconds, 3)})
        if find_best_epoch(now.history)["epoch"] == epoch:
            best_weights = {name: value.clone() for name, value in model.state_dict().items()}
        scheduler.step(loss_value)
        if loss_value < now.best * (1 - hyperparameters.min_improvement):  # as the scheduler counts
            now.best, now.since_best = loss_value, 0
        else:
            now.since_best += 1
        now.order, now.trained = torch.randperm(count, generator=generator), 0
        now.total, now.seconds = torch.zeros_like(now.total), 0.0
        save()
        left = sum(past["seconds"] for past in now.history) / epoch * (hyperparameters.epochs - epoch)
        report(
            f"epoch {epoch:2d}/{hyperparameters.epochs}  loss {loss_value:.4f}  learning rate {rate:.1e}  "
            f"{count / seconds:.0f} slices/s  at most {left / 60:.1f} min left"
        )
    if now.since_best >= hyperparameters.early_stopping_patience:
        report(f"stopped early: no lower loss for {now.since_best} epochs")
    model.load_state_dict(best_weights)
    best = find_best_epoch(now.history)
    record = {
        "epochs_run": len(now.history),
        "best_epoch": best["epoch"],
        "best_loss": best["loss"],
        "final_loss": now.history[-1]["loss"],
        "training_slices": count,
        "input_pixels": [height, width],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "device": device.name,
        "deterministic": device.deterministic,
        "started": now.started,
        "seconds": round(sum(epoch["seconds"] for epoch in now.history), 1),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "history": now.history,
    }
    return model, record
