"""The scores of a segmentation by this run or another method, and why one cannot be scored."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from kidney_tumor.analysis.scoring import compute_dice
from kidney_tumor.analysis.surface_dice import compute_surface_dice
from kidney_tumor.data.places import check_places
from kidney_tumor.data.targets import NETWORKS, TARGETS
from kidney_tumor.errors import VolumeError
from kidney_tumor.volumes.masks import Masks, RunLengthMask, Shape, Spacing, Values, read_mask, read_segmentation
from kidney_tumor.volumes.nifti import read_geometry

T = TypeVar("T")

Organs = Mapping[str, Sequence[Path]]
"""The masks of `kidney` and `tumor`; a part that a method does not segment is not in it, one without mask is empty."""

TOLERANCES_MM = {"kidney_tumor": 1.0330772532390826, "tumor": 1.1498198361434828}
"""The tolerances of the surface Dice in the official evaluation of KiTS21 and KiTS23: how far their readers differ."""
MEASURES = ("dice", "surface_dice", "error_ml", "error_percent", "absolute_error_ml")
"""What a case is compared by; `score_segmentation` explains them."""
SHARES = ("dice", "surface_dice")
"""The measures from 0 to 1."""
TEXT_COLUMNS = ("method", "case", "target", "file", "absent", "problem")
"""The columns of the table of cases that are no numbers."""
COMPARISON_COLUMNS = ("method", "case", "target", *MEASURES, "label_ml", "predicted_ml", "file", "absent", "problem")
"""The columns of the table of cases; `absent` names the organs that have no file."""


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
        A table with the columns `COMPARISON_COLUMNS` and a row for each file and target; a target for which the method
        has no label has none. A file that cannot be used has no scores, but a problem in words.
    """
    rows = []
    for path in paths:
        scores, problem = {}, ""
        try:
            masks = _read_in_place(image, path, lambda path: read_segmentation(path, values))
            scores = score_segmentation(truth, masks, read_geometry(image).spacing)
        except _UnusableError as error:
            problem = str(error)
            if values is None and "holds labels" in problem:
                problem += "; say in compare what its labels mean, as {folder: ..., kidney: [1, 3], tumor: [2]}"
        given = {"method": method, "case": case, "file": str(path), "absent": "", "problem": problem}
        rows += [given | {"target": target} | scores.get(target, {}) for target in list_targets(values)]
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def score_organs(method: str, case: str, truth: Masks, image: Path, organs: Organs) -> pd.DataFrame:
    """Score a case that has a mask for each organ, in which everything above 0 is the organ.

    The arguments and the table are those of `score_files`, with one row for each target.
    """
    scores, problem, shape = {}, "", read_geometry(image).shape
    try:
        kidney, tumor = (
            unite(shape, [_read_in_place(image, path, read_mask) for path in organs.get(part, [])]) for part in NETWORKS
        )
        scores = score_segmentation(truth, (unite(shape, [kidney, tumor]), tumor), read_geometry(image).spacing)
    except _UnusableError as error:
        problem = str(error)
    files = ", ".join(str(path) for paths in organs.values() for path in paths)
    given = {"method": method, "case": case, "file": files, "absent": "", "problem": problem}
    targets = [target for target, part in zip(TARGETS, NETWORKS, strict=True) if part in organs]
    return pd.DataFrame(
        [given | {"target": target} | scores.get(target, {}) for target in targets], columns=COMPARISON_COLUMNS
    )


class _UnusableError(Exception):
    """A file of a method that cannot be used; the message names it and says why."""


def _read_in_place(image: Path, path: Path, read: Callable[[Path], T]) -> T:
    """Read a file of a method if it lies in the grid of the image."""
    try:
        check_places(image, path)
        return read(path)
    except VolumeError as error:
        raise _UnusableError(f"{path} {error.what}") from error
    except PermissionError as error:
        raise _UnusableError(f"{path}: {error.strerror}") from error


def unite(shape: Shape, masks: Sequence[RunLengthMask]) -> RunLengthMask:
    """Unite masks of a shape; of none, the union is empty."""
    empty = np.zeros(0, np.int64)
    starts = np.sort(np.concatenate([empty, *(mask.start for mask in masks)]))
    stops = np.sort(np.concatenate([empty, *(mask.stop for mask in masks)]))
    # A run begins where none is open, and ends where all that began have ended; runs that touch become one.
    count = np.arange(len(starts))
    begins = np.searchsorted(stops, starts, side="left") == count
    ends = np.searchsorted(starts, stops, side="right") == count + 1
    return RunLengthMask(shape, starts[begins], stops[ends])


def list_targets(values: Values) -> list[str]:
    """List the targets that a method segments: kidney + tumor if it has a label of kidney, tumor if of tumor."""
    parts = zip(TARGETS, NETWORKS, strict=True)
    return [target for target, part in parts if values is None or values[part]]
