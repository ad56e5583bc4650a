"""The scores of a segmentation by this run or another method, and why one cannot be scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kidney_tumor.analysis.exchanges import find_exchange
from kidney_tumor.analysis.scoring import compute_dice
from kidney_tumor.analysis.surface_distances import measure_surfaces
from kidney_tumor.data.segmentations import Segmentation, UnusableError
from kidney_tumor.data.targets import NETWORKS, TARGETS
from kidney_tumor.schema import read_defaults
from kidney_tumor.volumes.masks import Masks, RunLengthMask, Spacing
from kidney_tumor.volumes.nifti import read_geometry

MEASURES = ("dice", "surface_dice", "hd95_mm", "error_ml", "error_percent", "absolute_error_ml")
"""What a case is compared by; `score_mask` explains them."""
SHARES = ("dice", "surface_dice")
"""The measures from 0 to 1."""
TEXT_COLUMNS = ("method", "case", "target", "file", "absent", "exchanged", "problem")
"""The columns of the table of cases that are no numbers."""
COMPARISON_COLUMNS = (
    *("method", "case", "target", *MEASURES, "label_ml", "predicted_ml"),
    *("file", "absent", "exchanged", "problem"),
)
"""The columns of the table of cases; `absent` names the organs that have no file, `exchanged` is of `find_exchange`."""


@dataclass(frozen=True)
class Conventions:
    """What scores depend on beside the masks.

    Attributes:
        tolerances_mm: The tolerance of the surface Dice of each target.
        both_empty: What two empty masks get: `missing`, no score, or `one`, the score of a perfect segmentation.
    """

    tolerances_mm: Mapping[str, float]
    both_empty: str


def set_conventions(values: Mapping[str, Any]) -> Conventions:
    """Set the conventions from the values of the keys in the section `evaluate`."""
    tolerances = {target: values[f"{part}_tolerance_mm"] for target, part in zip(TARGETS, NETWORKS, strict=True)}
    return Conventions(tolerances, values["both_empty"])


DEFAULTS = set_conventions(read_defaults()["evaluate"])
"""The tolerances of KiTS21's and KiTS23's official evaluation, and no score of two empty masks."""


def score_mask(
    true: RunLengthMask, predicted: RunLengthMask, spacing: Spacing, tolerance_mm: float, both_empty: str
) -> dict[str, float]:
    """Score a mask.

    Args:
        true: The true mask.
        predicted: The predicted one, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.
        tolerance_mm: The tolerance of the surface Dice.
        both_empty: What two empty masks get, as in `Conventions`.

    Returns:
        Its dice; surface_dice; hd95_mm, the 95 % Hausdorff distance, which is infinite if one mask is empty; the error
        of the volume, which is the predicted minus the true one, in mL (error_ml), in percent of the true one
        (error_percent) and in mL without its sign (absolute_error_ml); and both volumes, label_ml and predicted_ml.
        What is undefined is NaN: the percentage if the true mask is empty, and, unless they count as perfect, both
        kinds of Dice and the distance of two empty masks.
    """
    label_ml, predicted_ml = (mask.voxels * float(np.prod(spacing)) / 1000 for mask in (true, predicted))
    perfect = both_empty == "one" and not true.voxels and not predicted.voxels
    dice = 1.0 if perfect else compute_dice(true, predicted)
    surface_dice, hd95_mm = (1.0, 0.0) if perfect else (float("nan"), float("nan"))
    if true.voxels and predicted.voxels:
        surfaces = measure_surfaces(true, predicted, spacing)
        surface_dice, hd95_mm = surfaces.compute_surface_dice(tolerance_mm), surfaces.compute_hd95()
    elif true.voxels or predicted.voxels:
        surface_dice, hd95_mm = 0.0, float("inf")
    error = predicted_ml - label_ml
    return {
        "dice": dice,
        "surface_dice": surface_dice,
        "hd95_mm": hd95_mm,
        "error_ml": error,
        "error_percent": 100 * error / label_ml if label_ml else float("nan"),
        "absolute_error_ml": abs(error),
        "label_ml": label_ml,
        "predicted_ml": predicted_ml,
    }


def score_segmentation(
    truth: Masks, prediction: Masks, spacing: Spacing, conventions: Conventions = DEFAULTS
) -> dict[str, dict[str, float]]:
    """Score a segmentation.

    Args:
        truth: The true masks of kidney + tumor, and of tumor.
        prediction: The predicted ones, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.
        conventions: The tolerances, and what two empty masks get.

    Returns:
        The scores of each target, as `score_mask` returns them.
    """
    return {
        target: score_mask(true, predicted, spacing, conventions.tolerances_mm[target], conventions.both_empty)
        for target, true, predicted in zip(TARGETS, truth, prediction, strict=True)
    }


def score_method(
    method: str, case: str, truth: Masks, image: Path, segmentations: Sequence[Segmentation]
) -> pd.DataFrame:
    """Score a case as a method segments it, several times if several splits test it.

    Args:
        method: The name of the method.
        case: The name of the case.
        truth: The true masks of kidney + tumor, and of tumor.
        image: The image of the case, in whose grid the files must be, and whose spacing counts.
        segmentations: The segmentations.

    Returns:
        A table with the columns `COMPARISON_COLUMNS` and a row for each segmentation and target; a target that the
        method does not segment has none. What cannot be used has no scores, but a problem in words.
    """
    rows = []
    for segmentation in segmentations:
        scores: dict[str, dict[str, float]] = {}
        problem = exchanged = ""
        try:
            prediction = segmentation.read(image)
            scores = score_segmentation(truth, prediction, read_geometry(image).spacing)
            exchanged = find_exchange(truth, prediction, TARGETS[1] in segmentation.targets)
        except UnusableError as error:
            problem = str(error)
        rows += make_rows(method, case, segmentation, segmentation.targets, scores, problem, exchanged)
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def make_rows(
    method: str,
    case: str,
    segmentation: Segmentation,
    targets: Sequence[str],
    scores: Mapping[str, Mapping[str, float]],
    problem: str,
    exchanged: str = "",
) -> list[dict[str, object]]:
    """Make the rows of a segmentation for some targets, with its scores and what looks exchanged, or a problem."""
    given = {"method": method, "case": case, "file": segmentation.name}
    given |= {"absent": "", "exchanged": exchanged, "problem": problem}
    return [given | {"target": target} | dict(scores.get(target, {})) for target in targets]
