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
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from kidney_tumor.errors import UserError
from kidney_tumor.networks.augmentation import Augmentation, augment
from kidney_tumor.networks.checkpoint import Checkpoint
from kidney_tumor.networks.dataset import Dataset
from kidney_tumor.networks.device import Device
from kidney_tumor.networks.inference import normalize
from kidney_tumor.networks.loss import compute_loss
from kidney_tumor.networks.models import Architecture
from kidney_tumor.networks.progress import Progress, Reporter
from kidney_tumor.networks.unet import UNet


@dataclass(frozen=True)
class Hyperparameters:
    """The section `training` of the configuration, with `negatives` in place of `slices`."""

    epochs: int
    batch_size: int
    learning_rate: float
    dice_weight: float
    scheduler: Literal["plateau", "one_cycle"]
    scheduler_factor: float
    scheduler_patience: int
    early_stopping_patience: int
    min_improvement: float
    seed: int
    negatives: float
    augmentation: Augmentation
    validation_cases: int


@dataclass(frozen=True)
class Task:
    """What decides the result of a training.

    The network distinguishes HU from the lowest to the highest of `hu_window`. If there are validation cases,
    `validate` measures its Dice on them.
    """

    dataset: Dataset
    hu_window: tuple[float, float]
    architecture: Architecture
    hyperparameters: Hyperparameters
    device: Device
    validate: Callable[[UNet], float] | None = None


STATEFUL = ("network", "optimizer", "scheduler", "cycle", "scaler")
"""The parts of a state that torch itself saves and restores."""


class State:
    """What an update of the weights begins with, and changes."""

    def __init__(self, task: Task) -> None:
        hyperparameters, device = task.hyperparameters, task.device.torch_device
        self.generator = torch.Generator().manual_seed(hyperparameters.seed)
        self.network = UNet(**asdict(task.architecture))
        self.network.initialize(self.generator)
        task.device.hold(self.network.train())
        self.optimizer = torch.optim.Adam(self.network.parameters(), hyperparameters.learning_rate, fused=True)
        one_cycle, epochs = hyperparameters.scheduler == "one_cycle", hyperparameters.epochs
        self.scheduler = ReduceLROnPlateau(  # follows the progress of the loss in both
            self.optimizer,
            factor=hyperparameters.scheduler_factor,
            patience=epochs if one_cycle else hyperparameters.scheduler_patience,
            threshold=hyperparameters.min_improvement,
        )
        updates = 1 + epochs * math.ceil(task.dataset.shape[0] / hyperparameters.batch_size)
        rate = hyperparameters.learning_rate
        self.cycle = OneCycleLR(self.optimizer, rate, total_steps=updates) if one_cycle else None
        self.scaler = torch.amp.GradScaler(device.type, enabled=task.device.precision == torch.float16)
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        order = torch.randperm(task.dataset.shape[0], generator=self.generator)
        self.progress = Progress(started, order, torch.zeros((), device=device))
        self.best_weights: dict[str, Tensor] = {}
        self.parts = {name: part for name in STATEFUL if (part := getattr(self, name)) is not None}

    def save(self) -> dict[str, Any]:
        """Return what `restore` needs; it shares memory with this state."""
        parts: dict[str, Any] = {name: part.state_dict() for name, part in self.parts.items()}
        parts |= {"generator": self.generator.get_state(), "best_weights": self.best_weights}
        return parts | {"progress": vars(self.progress)}

    def restore(self, saved: dict[str, Any]) -> None:
        """Continue from what `save` returned."""
        for name, part in self.parts.items():
            part.load_state_dict(saved[name])
        self.generator.set_state(saved["generator"])
        self.best_weights = saved["best_weights"]
        total = saved["progress"]["total"].to(self.progress.total.device)
        self.progress = Progress(**saved["progress"] | {"total": total})


def train(
    task: Task, report: Callable[[str], None] = print, checkpoint: Checkpoint | None = None
) -> tuple[UNet, dict[str, Any]]:
    """Train a U-Net until the loss stops falling, `hyperparameters.epochs` at most.

    The returned weights and statistics of the batch normalization are those at the end of the epoch with the lowest
    mean loss; of equal ones, the first. This loss is averaged over the epoch's batches, while the weights change. If
    there are validation cases, one minus their Dice takes the place of the loss in all that depends on its progress.

    With a checkpoint, an interrupted training continues where it stopped, on the CPU with bitwise the same result.

    Args:
        task: The slices, the network, and how to train it.
        report: A function that receives a line for each epoch, and within an epoch one every `REPORT_SECONDS`.
        checkpoint: The file that keeps the state after every epoch and when a signal asks the process to stop.

    Returns:
        The network, and its record: the best and the final epoch, history, versions, times.

    Raises:
        UserError: The loss is not finite, or a signal asked the process to stop.
        OSError: The state could not be written.
    """
    # Trying convolution algorithms pays off for the many batches of a training, but not for the few of a prediction.
    torch.backends.cudnn.benchmark = not task.device.deterministic
    state, patience = State(task), task.hyperparameters.early_stopping_patience
    if checkpoint and (saved := checkpoint.load(report)):
        state.restore(saved)
        report(f"continues after {len(state.progress.history)} epochs and {state.progress.trained} slices")
    progress = state.progress
    reporter = Reporter(report, task.hyperparameters.epochs, progress.seconds)
    while progress.epoch <= reporter.epochs and progress.since_best < patience:
        loss = _train_epoch(task, state, reporter, checkpoint)
        _accept_epoch(task, state, loss)
        _begin_epoch(state)
        if checkpoint:
            checkpoint.save(state.save())
        reporter.report_epoch(progress)
    if progress.since_best >= patience:
        better = "higher validation Dice" if task.validate else "lower loss"
        report(f"stopped early: no {better} for {progress.since_best} epochs")
    state.network.load_state_dict(state.best_weights)
    return state.network, _make_record(task, state)


def _train_epoch(task: Task, state: State, reporter: Reporter, checkpoint: Checkpoint | None) -> float:
    """Train on the slices that are left in the current epoch, and return the mean loss of the whole epoch."""
    progress = state.progress
    started = time.time() - progress.seconds
    for images, masks in task.dataset.load_batches(progress.order[progress.trained :], task.hyperparameters.batch_size):
        progress.seconds = time.time() - started
        if checkpoint:
            _stop_if_asked(state, checkpoint)
        progress.total += _update_weights(task, state, images, masks) * len(images)
        progress.trained += len(images)
        progress.seconds = time.time() - started
        reporter.report_slices(progress)
    loss = progress.total.item() / progress.trained  # waits for the GPU, whose time counts
    progress.seconds = time.time() - started
    if not math.isfinite(loss):
        narrow = ", or set precision: float32" if task.device.precision == torch.float16 else ""
        raise UserError(f"the loss is {loss} in epoch {progress.epoch}; lower training.learning_rate{narrow}")
    return loss


def _stop_if_asked(state: State, checkpoint: Checkpoint) -> None:
    """Save the state and end the training if a signal asked the process to stop."""
    if not checkpoint.stop_asked:
        checkpoint.check()
        return
    with suppress(OSError):  # of the state before, which the present one replaces
        checkpoint.finish()
    checkpoint.save(state.save())
    checkpoint.finish()
    epoch = state.progress.epoch
    raise UserError(f"stopped in epoch {epoch}; the state is saved, run the same command again to continue")


def _update_weights(task: Task, state: State, images: Tensor, masks: Tensor) -> Tensor:
    """Update the weights by a batch, images and masks of shape (batch, H, W), and return its loss, shape ()."""
    hyperparameters, progress = task.hyperparameters, state.progress
    seen, truth = normalize(images, task.hu_window), masks.float().unsqueeze(1)
    if hyperparameters.augmentation != "none":
        seeds = hyperparameters.seed, progress.epoch, progress.trained
        seen, truth = augment(seen, truth, seeds)
    with task.device.autocast():
        logits = state.network(seen)
    loss = compute_loss(logits.float(), truth, hyperparameters.dice_weight)
    state.optimizer.zero_grad(set_to_none=True)
    state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch gives it no types
    state.scaler.step(state.optimizer)
    state.scaler.update()
    if state.cycle:
        state.cycle.step()
    return loss.detach()


def _accept_epoch(task: Task, state: State, loss: float) -> None:
    """Add an epoch to the history. Its loss, or its Dice, decides on the kept weights and on the learning rate."""
    progress, rate = state.progress, state.optimizer.param_groups[0]["lr"]
    epoch = {"epoch": progress.epoch, "loss": loss, "learning_rate": rate, "seconds": round(progress.seconds, 6)}
    followed = loss
    if task.validate:
        epoch["validation_dice"] = task.validate(state.network.eval())
        followed = 1 - epoch["validation_dice"]
        state.network.train()
    progress.history.append(epoch)
    if progress.best_epoch is epoch:
        state.best_weights = {name: value.clone() for name, value in state.network.state_dict().items()}
    before = state.scheduler.best
    state.scheduler.step(followed)
    progress.since_best = 0 if state.scheduler.best < before else progress.since_best + 1


def _begin_epoch(state: State) -> None:
    """Begin the next epoch, with the slices in another order."""
    progress = state.progress
    progress.order = torch.randperm(len(progress.order), generator=state.generator)
    progress.total, progress.trained, progress.seconds = torch.zeros_like(progress.total), 0, 0.0


def _make_record(task: Task, state: State) -> dict[str, Any]:
    history, best = state.progress.history, state.progress.best_epoch
    return {
        "epochs_run": len(history),
        "best_epoch": best["epoch"],
        "best_loss": best["loss"],
        "final_loss": history[-1]["loss"],
        "training_slices": task.dataset.shape[0],
        "input_pixels": list(task.dataset.shape[1:]),
        "parameters": sum(parameter.numel() for parameter in state.network.parameters()),
        "device": task.device.name,
        "deterministic": task.device.deterministic,
        "started": state.progress.started,
        "seconds": round(sum(epoch["seconds"] for epoch in history), 1),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "history": history,
    }
