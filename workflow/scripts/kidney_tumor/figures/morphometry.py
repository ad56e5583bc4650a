"""What the networks' masks are worth as measurements."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from kidney_tumor.analysis.scoring import STAGES
from kidney_tumor.figures.agreement import draw_bland_altman
from kidney_tumor.figures.style import COLORS, mark_phantom, save
from kidney_tumor.patients.agreement import find_limits


def plot_volumes(morphometry: pd.DataFrame, phantom: bool, path: Path) -> None:
    """Draw Bland-Altman plots of the segmented and the true tumor volume, before and after post-processing.

    Args:
        morphometry: The columns case, stage (truth, before, after) and tumor_ml; a case that several splits test
            counts once, with its mean volumes.
        phantom: Whether the cases are phantoms.
        path: The file to write, .png.
    """
    volumes = morphometry.groupby(["case", "stage"])["tumor_ml"].mean().unstack("stage").dropna()
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.5), sharex=True, sharey=True, layout="constrained")
    for axis, stage in zip(axes, STAGES, strict=True):
        difference = volumes[stage] - volumes["truth"]
        limits = {name: ends[0] for name, ends in find_limits(difference).items()}
        middle = volumes[[stage, "truth"]].mean(axis=1)
        draw_bland_altman(axis, middle, difference, limits, "{:+.3g}", "mL", COLORS[stage])
        axis.set(title=f"{stage} post-processing (n = {len(volumes)})", xlabel="mean of both tumor volumes, mL")
    axes[0].set_ylabel("segmented minus true tumor volume, mL")
    mark_phantom(figure, phantom)
    save(figure, [path])


def plot_errors(errors: pd.DataFrame, readers: float | None, phantom: bool, path: Path) -> None:
    """Draw the error of the axial diameter over the Dice of the tumor, and how far a radiologist's size is off.

    Args:
        errors: The columns case, stage (before or after), dice and error (mm), NaN where no tumor was segmented.
        readers: Half the width in mm of the limits of agreement of labels and radiologist, None without a record.
        phantom: Whether the cases are phantoms.
        path: The file to write, .png.
    """
    figure, axis = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
    if readers:
        axis.axhspan(
            -readers, readers, color="tab:green", alpha=0.15, label="95 % of labels and radiologist, but for their bias"
        )
    for stage in STAGES:
        rows = errors[errors["stage"] == stage]
        missed = int(rows["error"].isna().sum())
        axis.plot(
            rows["dice"], rows["error"], "o", color=COLORS[stage], alpha=0.7,
            label=f"{stage} post-processing: {len(rows) - missed} measured, {missed} without a tumor",
        )  # fmt: skip
    axis.axhline(0, color="black", linewidth=1)
    axis.set(xlabel="Dice of the tumor", ylabel="segmented minus true axial diameter, mm", xlim=(-0.03, 1.03))
    axis.grid(alpha=0.3)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), fontsize=9, frameon=False)
    mark_phantom(figure, phantom)
    save(figure, [path])
