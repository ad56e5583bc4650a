"""How far a training is, and what it says of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

REPORT_SECONDS = 30
"""The seconds without a report after which a training says how far it is within its epoch."""


@dataclass
class Progress:
    """The finished epochs of a training, and the current one.

    Attributes:
        started: The start of the training in UTC.
        order: The order of the slices in the current epoch, shape (n,).
        total: The summed loss of the slices that the network has seen in the current epoch, shape ().
        trained: The number of these slices.
        seconds: The time spent on these slices.
        history: A record for each finished epoch.
        since_best: The number of epochs since the loss, or one minus validation Dice, last fell by `min_improvement`.
    """

    started: str
    order: Tensor
    total: Tensor
    trained: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    since_best: int = 0

    @property
    def epoch(self) -> int:
        """The number of the current epoch; the first is 1."""
        return len(self.history) + 1

    @property
    def best_epoch(self) -> dict[str, Any]:
        """The record of the epoch with the highest validation Dice, or the lowest loss; of equal ones, the first."""
        return min(self.history, key=lambda epoch: -epoch.get("validation_dice", -epoch["loss"]))


@dataclass
class Reporter:
    """What says how far a training of so many epochs is; the last line came `reported` seconds into the epoch."""

    report: Callable[[str], None]
    epochs: int
    reported: float

    def report_slices(self, progress: Progress) -> None:
        """Say how far the epoch is, unless it is at its end or the last line is newer than `REPORT_SECONDS`."""
        count, trained, seconds = len(progress.order), progress.trained, progress.seconds
        if trained < count and seconds - self.reported > REPORT_SECONDS:
            self.reported, speed = seconds, trained / seconds
            self.report(
                f"epoch {progress.epoch:2d}/{self.epochs}  {trained / count:.0%} of its slices  "
                f"{speed:.3g} slices/s  {(count - trained) / speed / 60:.1f} min left in it"
            )

    def report_epoch(self, progress: Progress) -> None:
        """Say what the last finished epoch reached."""
        last, done = progress.history[-1], len(progress.history)
        left = sum(epoch["seconds"] for epoch in progress.history) / done * (self.epochs - done)
        dice = f"validation Dice {last['validation_dice']:.4f}  " if "validation_dice" in last else ""
        self.reported = 0.0
        self.report(
            f"epoch {done:2d}/{self.epochs}  loss {last['loss']:.4f}  {dice}learning rate {last['learning_rate']:.1e}  "
            f"{len(progress.order) / last['seconds']:.0f} slices/s  at most {left / 60:.1f} min left"
        )
