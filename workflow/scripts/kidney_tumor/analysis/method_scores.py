"""The scores of a segmentation by this run or another method, and why one cannot be scored."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kidney_tumor.analysis.scoring import Masks, compute_dice
from kidney_tumor.analysis.surface_dice import compute_surface_dice
from kidney_tumor.data.nifti import VolumeError, check_places, read_geometry, read_integer_columns
from kidney_tumor.data.targets import NETWORKS, TARGETS
from kidney_tumor.filter.masks import RunLengthMask, Spacing, read_label_masks

Values = Mapping[str, Sequence[int]] | None
"""The labels that mean `kidney` and `tumor`, of which a list may be empty; all others are background. None stands for
files that hold 0, 1 (kidney) and 2 (tumor) only."""

TOLERANCES_MM = {"kidney_tumor": 1.0330772532390826, "tumor": 1.1498198361434828}
"""The tolerances of the surface Dice in the official evaluation of KiTS21 and KiTS23: how far their readers differ."""
MEASURES = ("dice", "surface_dice", "error_ml", "error_percent", "absolute_error_ml")
"""What a case is compared by; `score_segmentation` explains them."""
TEXTS = ("method", "case", "target", "file", "problem")
COLUMNS = ("method", "case", "target", *MEASURES, "label_ml", "predicted_ml", "file", "problem")
"""The columns of the table of cases, of which `TEXTS` are no numbers."""


def read_segmentation(path: Path, values: Values) -> Masks:
    """Read the masks of kidney + tumor and of tumor from a segmentation of another method.

    Args:
        path: The label volume.
        values: Its labels.

    Raises:
        UserError: The file cannot be read, or holds what is no label.
    """
    if values is None:
        return read_label_masks(path)
    shape = read_geometry(path).shape
    tumor = list(values["tumor"])
    kidney_tumor, tumor_alone = (
        RunLengthMask.from_blocks(
            shape, ((span, np.isin(block, chosen)) for span, block in read_integer_columns(path, "labels"))
        )
        for chosen in ([*values["kidney"], *tumor], tumor)
    )
    return kidney_tumor, tumor_alone


def score_segmentation(truth: Masks, prediction: Masks, spacing: Spacing) -> dict[str, dict[str, float]]:
    """Score a segmentation.

    Args:
        truth: The true masks of kidney + tumor, and of tumor.
        prediction: The predicted ones, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.

    Returns:
        For each target, its dice; surface_dice, at the tolerance of the target; the error of the volume, which is the
        predicted minus the true one, in mL (error_ml), in percent of the true one (error_percent) and in mL without its
        sign (absolute_error_ml); and both volumes, label_ml and predicted_ml. What is undefined is NaN: both kinds of
        Dice if both masks are empty, and the percentage if the true one is.
    """
    scores = {}
    for target, true, predicted in zip(TARGETS, truth, prediction, strict=True):
        label_ml, predicted_ml = (mask.voxels * float(np.prod(spacing)) / 1000 for mask in (true, predicted))
        error = predicted_ml - label_ml
        scores[target] = {
            "dice": compute_dice(true, predicted),
            "surface_dice": compute_surface_dice(true, predicted, spacing, TOLERANCES_MM[target]),
            "error_ml": error,
            "error_percent": 100 * error / label_ml if label_ml else float("nan"),
            "absolute_error_ml": abs(error),
            "label_ml": label_ml,
            "predicted_ml": predicted_ml,
        }
    return scores


def score_files(
    method: str, case: str, truth: Masks, image: Path, paths: Sequence[Path], values: Values
) -> pd.DataFrame:
    """Score the files of a case, which are several if several splits test it.

    Args:
        method: The name of the method.
        case: The name of the case.
        truth: The true masks of kidney + tumor, and of tumor.
        image: The image of the case, in whose grid the files must be, and whose spacing counts.
        paths: The label volumes.
        values: Their labels.

    Returns:
        A table with the columns `COLUMNS` and a row for each file and target; a target for which the method has no
        label has none. A file that cannot be used has no scores, but a problem in words.
    """
    geometry, rows = read_geometry(image), []
    for path in paths:
        scores, problem = {}, ""
        try:
            check_places(image, path)
            scores = score_segmentation(truth, read_segmentation(path, values), geometry.spacing)
        except VolumeError as error:
            problem = f"{path} {error.what}"
        except PermissionError as error:
            problem = f"{path}: {error.strerror}"
        given = {"method": method, "case": case, "file": str(path), "problem": problem}
        rows += [given | {"target": target} | scores.get(target, {}) for target in list_targets(values)]
    return pd.DataFrame(rows, columns=COLUMNS)


def list_targets(values: Values) -> list[str]:
    """List the targets that a method segments: kidney + tumor if it has a label of kidney, tumor if of tumor."""
    parts = zip(TARGETS, NETWORKS, strict=True)
    return [target for target, part in parts if values is None or values[part]]
