"""Training curves."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.ticker import MaxNLocator

from kidney_tumor.figures.style import save


def plot_training(record: dict[str, Any], path: Path) -> None:
    """Draw the loss (left axis) and the learning rate (right axis, logarithmic) of each epoch of a training.

    If there are validation cases, it also draws one minus their Dice, which the training follows in place of the loss.

    Args:
        record: The record of the network, `kidney.json` or `tumor.json`.
        path: The file to write, .png.
    """
    history = pd.DataFrame(record["history"])
    figure, axis = plt.subplots(figsize=(6, 3.5), layout="constrained")
    axis.plot(history["epoch"], history["loss"], "o-", markersize=3, color="tab:blue")
    axis.set(xlabel="epoch", ylim=(0, None), title=f"{record['target'].capitalize()} network")
    axis.set_ylabel("training loss", color="tab:blue")
    if "validation_dice" in history:
        axis.plot(history["epoch"], 1 - history["validation_dice"], "s-", markersize=3, color="tab:orange")
        axis.set_ylabel("training loss; 1 - validation Dice (orange)", color="tab:blue")
    axis.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    axis.grid(alpha=0.3)
    rate = axis.twinx()
    rate.step(history["epoch"], history["learning_rate"], where="mid", color="tab:gray")
    rate.set_yscale("log")
    rates = sorted(set(history["learning_rate"]))
    rate.set_yticks(rates, [f"{value:.2g}" for value in rates])
    rate.minorticks_off()
    rate.set_ylabel("learning rate", color="tab:gray")
    save(figure, [path])
