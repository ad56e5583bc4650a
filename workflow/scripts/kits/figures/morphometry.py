"""Agreement of measured and true volumes."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from kits.analysis.scoring import STAGES
from kits.figures.style import COLORS, save


def plot_agreement(morphometry: pd.DataFrame, path: Path) -> None:
    """Bland-Altman plots of tumor volume, before and after: difference over mean, bias, 95 % limits of agreement.

    Args:
        morphometry: columns case, stage (truth, before, after), tumor_ml; a case that several splits test counts once,
            with its mean volumes.
        path: .png.
    """
    volumes = morphometry.groupby(["case", "stage"])["tumor_ml"].mean().unstack("stage")
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.5), sharex=True, sharey=True, layout="constrained")
    for axis, stage in zip(axes, STAGES, strict=True):
        mean, difference = (volumes[stage] + volumes["truth"]) / 2, volumes[stage] - volumes["truth"]
        bias, spread = difference.mean(), 1.96 * difference.std()
        axis.plot(mean, difference, "o", color=COLORS[stage], alpha=0.8)
        axis.axhline(bias, color="black", label=f"bias {bias:+.3g} mL")
        if spread == spread:  # undefined for one case
            for limit in (bias - spread, bias + spread):
                axis.axhline(limit, color="black", linestyle="--")
            axis.plot([], [], "--", color="black", label=f"95 % limits {bias - spread:+.3g} to {bias + spread:+.3g} mL")
        axis.set(title=f"{stage} post-processing (n = {len(difference)})", xlabel="mean of both tumor volumes, mL")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=9, frameon=False)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("segmented minus true tumor volume, mL")
    save(figure, [path])
