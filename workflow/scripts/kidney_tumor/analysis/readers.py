"""What the filter does to a second reading of the same tumors, and whether it judges both readings alike."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kidney_tumor.analysis.scoring import compute_dice
from kidney_tumor.analysis.statistics import estimate_interval
from kidney_tumor.data.places import check_places
from kidney_tumor.data.segmentations import Values, read_segmentation
from kidney_tumor.filter.constraints import FilterOptions, RatioRange
from kidney_tumor.filter.postprocessing import postprocess
from kidney_tumor.volumes.masks import read_label_masks

COLUMNS = ("case", "kidney_tumor", "tumor", "filtered", "kept_first", "kept_second")


def compare_case(
    case: str, label: Path, other: Path, values: Values, ratios: RatioRange | None, options: FilterOptions
) -> dict[str, Any]:
    """Compare a second reading of a case with the label, before and after the filter.

    Args:
        case: The name of the case.
        label: The case's `segmentation.nii.gz`.
        other: The second reading, a label volume in the same grid.
        values: Its labels.
        ratios: The accepted eigenvalue ratios; None for any ratio.
        options: The constraints of the filter.

    Returns:
        case; the second reading's Dice against the label, of kidney_tumor, of the tumor, and of the filtered tumor; and
        whether the filter leaves a tumor of the first and of the second reading, kept_first and kept_second. The Dice
        is NaN where neither has the target; of kept_first and kept_second, NaN where that reading has no tumor.

    Raises:
        UserError: A file is not a label volume, or they differ in shape or place.
    """
    spacing = check_places(label, other).spacing
    first, second = read_label_masks(label), read_segmentation(other, values)
    dices = [compute_dice(*pair) for pair in zip(first, second, strict=True)]
    left = []
    for masks in (first, second):
        left.append(postprocess(*masks, spacing, ratios, options).masks[1])
    kept = [
        float(len(mask) > 0) if len(before[1]) else np.nan for mask, before in zip(left, (first, second), strict=True)
    ]
    return dict(zip(COLUMNS, (case, *dices, compute_dice(first[1], left[1]), *kept), strict=True))


def compute_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Compute Cohen's kappa of two series of verdicts, 0 or 1, shape (n,); NaN if chance alone would agree in all.

    It is the agreement beyond chance, (p - e) / (1 - e), with the share p of equal verdicts and the share e that two
    independent judges with the same shares of each verdict would have (Cohen, Educational and Psychological
    Measurement 20, 1960).
    """
    chance = first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
    return float(((first == second).mean() - chance) / (1 - chance)) if chance < 1 else float("nan")


def summarize_reader(cases: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Summarize the comparison of a second reading with the labels.

    Args:
        cases: The rows that `compare_case` returns, of all cases.
        seed: The seed of the bootstrap.

    Returns:
        A table with the columns measure, n (cases in which it is defined), value, low and high (95 % bootstrap
        interval): the mean Dice between the readings, of kidney + tumor and of the tumor; the mean Dice of the filtered
        tumor; change, the mean of what the filter changes; the shares of cases whose tumor of the first and of the
        second reading the filter empties; and kappa of these two verdicts.
    """
    verdicts = cases[["kept_first", "kept_second"]].dropna().to_numpy(float)
    means = {
        "dice_kidney_tumor": cases["kidney_tumor"],
        "dice_tumor": cases["tumor"],
        "dice_tumor_filtered": cases["filtered"],
        "change": cases["filtered"] - cases["tumor"],
        "emptied_first": 1 - cases["kept_first"],
        "emptied_second": 1 - cases["kept_second"],
    }
    rows = [_estimate(name, values.dropna().to_numpy(float), np.mean, seed) for name, values in means.items()]
    kappa = _estimate(
        "kappa", np.arange(len(verdicts)), lambda chosen: compute_kappa(*verdicts[chosen.astype(int)].T), seed
    )
    return pd.DataFrame([*rows, kappa])


def _estimate(measure: str, values: np.ndarray, statistic: Callable[..., Any], seed: int) -> dict[str, Any]:
    value = float(statistic(values)) if len(values) else np.nan
    low, high = estimate_interval(values, statistic, seed) if np.isfinite(value) else (np.nan, np.nan)
    return {"measure": measure, "n": len(values), "value": value, "low": low, "high": high}
