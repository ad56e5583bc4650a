"""The training of one network (paper, section 2.1.1)."""

import math
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import ReduceLROnPlateau

from kidney_tumor.errors import UserError
from kidney_tumor.fields import describe
from kidney_tumor.networks.augmentation import augment
from kidney_tumor.networks.checkpoint import Checkpoint
from kidney_tumor.networks.dataset import Dataset
from kidney_tumor.networks.device import Device
from kidney_tumor.networks.models import normalize
from kidney_tumor.networks.unet import Architecture, UNet

REPORT_SECONDS = 30
"""The seconds without a report after which a training says how far it is within its epoch."""


@dataclass(frozen=True)
class Hyperparameters:
    """The section `training` of the configuration; config/README.md says where each value comes from."""

    epochs: int = describe(50, "largest number of passes over the slices")
    batch_size: int = describe(16, "number of slices in an update of the weights")
    learning_rate: float = describe(1e-3, "learning rate of Adam at the start")
    dice_weight: float = describe(0.5, "lambda of equation 1: the share of the Dice loss; the rest is cross entropy")
    scheduler_factor: float = describe(0.1, "factor by which the learning rate falls")
    scheduler_patience: int = describe(3, "number of epochs without a lower loss that leave the learning rate as it is")
    early_stopping_patience: int = describe(10, "training stops after this number of epochs without a lower loss")
    min_improvement: float = describe(1e-4, "relative fall that counts as a lower loss")
    seed: int = describe(2019, "seed of the initial weights and of the order of slices")
    negatives: float = describe(0.0, "share of the slices without the target that are trained on, too")
    augmentation: Literal["none", "standard"] = describe("none", "random changes of each slice")
    validation_cases: int = describe(0, "number of training cases that are left out, whose Dice is followed")


@dataclass
class Progress:
    """The progress of a training: the finished epochs and the current one.

    Attributes:
        started: The start of the training in UTC.
        history: A record for each finished epoch.
        best: The last loss, or one minus validation Dice, lower than the previous best by at least `min_improvement`.
        since_best: The number of epochs since then.
        order: The order of the slices in the current epoch, shape (n,).
        trained: The number of slices that the network has seen in the current epoch.
        total: The summed loss of these slices, shape ().
        seconds: The time spent on these slices.
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
    """Compute equation 1, (1 - lambda) BCE + lambda DICE, a scalar, with lambda = `dice_weight`.

    DICE is one minus the soft Dice coefficient of the batch as a whole.

    Args:
        logits: The network's output before the sigmoid, of any shape.
        mask: The true mask, 0 or 1, float, of the same shape.
        dice_weight: The share of the Dice loss.
    """
    bce = functional.binary_cross_entropy_with_logits(logits, mask)
    probability = torch.sigmoid(logits)
    dice = 1 - 2 * (probability * mask).sum() / (probability.sum() + mask.sum())
    return (1 - dice_weight) * bce + dice_weight * dice


def find_best_epoch(history: list[dict[str, Any]]) -> dict[str, Any]:
    """Find the record of the epoch with the highest validation Dice, or the lowest loss; of equal ones, the first."""
    return min(history, key=lambda epoch: -epoch.get("validation_dice", -epoch["loss"]))


def train(
    dataset: Dataset,
    hu_window: tuple[float, float],
    architecture: Architecture,
    hyperparameters: Hyperparameters,
    device: Device,
    report: Callable[[str], None] = print,
    checkpoint: Checkpoint | None = None,
    validate: Callable[[UNet], float] | None = None,
) -> tuple[UNet, dict[str, Any]]:
    """Train a U-Net until the loss stops falling, `hyperparameters.epochs` at most.

    The returned weights and statistics of the batch normalization are those at the end of the epoch with the lowest
    mean loss; of equal ones, the first. This loss is averaged over the epoch's batches, while the weights change. If
    there are validation cases, one minus their Dice takes the place of the loss in all that depends on its progress.

    With a checkpoint, an interrupted training continues where it stopped, on the CPU with bitwise the same result.

    Args:
        dataset: The slices and masks.
        hu_window: The lowest and the highest HU that the network distinguishes.
        architecture: The architecture of the network.
        hyperparameters: The hyperparameters of the optimization.
        device: The device on which to train, and its precision.
        report: A function that receives a line for each epoch, and within an epoch one every `REPORT_SECONDS`.
        checkpoint: The file that keeps the state after every epoch and when a signal asks the process to stop.
        validate: A function that measures the Dice of the network on the validation cases, if there are any.

    Returns:
        The network, and its record: the best and the final epoch, history, versions, times.

    Raises:
        UserError: The loss is not finite, or a signal asked the process to stop.
        OSError: The state could not be written.
    """
    # Trying convolution algorithms pays off for the many batches of a training, but not for the few of a prediction.
    torch.backends.cudnn.benchmark = not device.deterministic
    generator = torch.Generator().manual_seed(hyperparameters.seed)
    model = UNet(**asdict(architecture))
    model.initialize(generator)
    model.to(device.torch_device, memory_format=torch.channels_last).train()
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
        report(f"continues after {len(now.history)} epochs and {now.trained} slices")

    def save() -> None:
        if checkpoint:
            states = {name: part.state_dict() for name, part in parts.items()}
            states |= {"generator": generator.get_state(), "best_weights": best_weights}
            checkpoint.save(states | {"progress": vars(now)})

    while len(now.history) < hyperparameters.epochs and now.since_best < hyperparameters.early_stopping_patience:
        epoch, reported = len(now.history) + 1, time.time()
        epoch_started = reported - now.seconds
        for images, masks in dataset.load_batches(now.order[now.trained :], hyperparameters.batch_size):
            if checkpoint and checkpoint.stop_asked:
                now.seconds = time.time() - epoch_started
                with suppress(OSError):  # of the state before, which the present one replaces
                    checkpoint.finish()
                save()
                checkpoint.finish()
                raise UserError(f"stopped in epoch {epoch}; the state is saved, run the same command again to continue")
            if checkpoint:
                checkpoint.check()
            seen, truth = normalize(images, hu_window), masks.float().unsqueeze(1)
            if hyperparameters.augmentation == "standard":
                seen, truth = augment(seen, truth, (hyperparameters.seed, epoch, now.trained))
            with device.autocast():
                logits = model(seen)
            loss = compute_loss(logits.float(), truth, hyperparameters.dice_weight)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            now.total += loss.detach() * len(images)
            now.trained += len(images)
            if now.trained < count and time.time() - reported > REPORT_SECONDS:
                reported = time.time()
                speed = now.trained / (reported - epoch_started)
                report(
                    f"epoch {epoch:2d}/{hyperparameters.epochs}  {now.trained / count:.0%} of its slices  "
                    f"{speed:.3g} slices/s  {(count - now.trained) / speed / 60:.1f} min left in it"
                )
        loss_value, rate = now.total.item() / count, optimizer.param_groups[0]["lr"]
        if not math.isfinite(loss_value):
            narrow = ", or set precision: float32" if device.precision == torch.float16 else ""
            raise UserError(f"the loss is {loss_value} in epoch {epoch}; lower training.learning_rate{narrow}")
        seconds = time.time() - epoch_started
        past = {"epoch": epoch, "loss": loss_value, "learning_rate": rate, "seconds": round(seconds, 3)}
        followed = loss_value
        if validate:
            past["validation_dice"] = validate(model.eval())
            followed = 1 - past["validation_dice"]
            model.train()
        now.history.append(past)
        if find_best_epoch(now.history)["epoch"] == epoch:
            best_weights = {name: value.clone() for name, value in model.state_dict().items()}
        scheduler.step(followed)
        if followed < now.best * (1 - hyperparameters.min_improvement):  # the scheduler's criterion
            now.best, now.since_best = followed, 0
        else:
            now.since_best += 1
        now.order, now.trained = torch.randperm(count, generator=generator), 0
        now.total, now.seconds = torch.zeros_like(now.total), 0.0
        save()
        left = sum(past["seconds"] for past in now.history) / epoch * (hyperparameters.epochs - epoch)
        dice = f"validation Dice {past['validation_dice']:.4f}  " if validate else ""
        report(
            f"epoch {epoch:2d}/{hyperparameters.epochs}  loss {loss_value:.4f}  {dice}learning rate {rate:.1e}  "
            f"{count / seconds:.0f} slices/s  at most {left / 60:.1f} min left"
        )
    if now.since_best >= hyperparameters.early_stopping_patience:
        better = "higher validation Dice" if validate else "lower loss"
        report(f"stopped early: no {better} for {now.since_best} epochs")
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
