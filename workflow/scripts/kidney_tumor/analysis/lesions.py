"""Single tumors: which true ones a prediction finds, and which of its own are false."""

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from kidney_tumor.analysis.method_scores import MEASURES, Conventions, score_mask
from kidney_tumor.analysis.statistics import CONFIDENCE, bound_share, summarize_values
from kidney_tumor.data.targets import TARGETS
from kidney_tumor.volumes.components import Components, find_components
from kidney_tumor.volumes.masks import RunLengthMask, Spacing

LEAST_IOU = 0.1
"""The intersection over union from which a predicted tumor finds a true one: that of the PI-CAI challenge (Saha et al.,
Lancet Oncology 25, 2024) and the default of its library `picai_eval`."""
LESION_COLUMNS = ("method", "case", "lesion", "status", "iou", *MEASURES, "label_ml", "predicted_ml")
"""The columns of the table of lesions."""
DETECTION_COLUMNS = (
    "method", "cases", "lesions", "found", "sensitivity", "sensitivity_low", "sensitivity_high", "false",
    "false_per_case", "false_per_case_low", "false_per_case_high",
)  # fmt: skip
"""The columns of the table of how many are found."""


def match_components(true: Components, predicted: Components) -> tuple[np.ndarray, np.ndarray]:
    """Match true and predicted components as `picai_eval` does.

    Of all ways to pair components that overlap enough, each at most once, it is one with the most pairs, and of these,
    the one with the largest overlap (Hungarian method).

    Returns:
        The predicted component that each true one is paired with, shape (true,), -1 for none; and the intersection over
        union of all pairs, shape (true, predicted).
    """
    return match_overlaps(true.count_shared(predicted), true.voxels, predicted.voxels)


def match_overlaps(shared: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Match true and predicted tumors like `match_components`, by their voxels and those that they share.

    Args:
        shared: The voxels that each true one shares with each predicted one, shape (true, predicted).
        true: The voxels of the true ones, shape (true,).
        predicted: The voxels of the predicted ones, shape (predicted,).
    """
    iou = shared / (true[:, None] + predicted - shared)
    worth = np.where(iou >= LEAST_IOU, 1 + iou, 0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    partner = np.full(len(true), -1)
    partner[rows] = np.where(worth[rows, columns] > 0, columns, -1)
    return partner, iou


def score_lesions(
    truth: RunLengthMask, prediction: RunLengthMask, spacing: Spacing, conventions: Conventions, min_voxels: int
) -> pd.DataFrame:
    """Score each true tumor, and list the predicted ones that are none.

    A tumor is a 26-connected component. A predicted one that overlaps a true one enough, but is not its partner, is
    neither found nor false.

    Args:
        truth: The true mask of the tumor.
        prediction: The predicted one, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.
        conventions: The tolerance of the surface Dice.
        min_voxels: The number of voxels below which a component counts as none, in both masks.

    Returns:
        A table with the columns `LESION_COLUMNS` but method and case: the number of the true tumor, from 1 (0 for a
        false one); its status, `found`, `missed` or `false`; the largest intersection over union; and the scores of the
        pair, or with an empty mask.
    """
    true, predicted = (drop_small(mask, min_voxels) for mask in (truth, prediction))
    partner, iou = match_components(true, predicted)
    none = RunLengthMask(truth.shape, np.zeros(0, np.int64), np.zeros(0, np.int64))
    false = np.flatnonzero(~(iou >= LEAST_IOU).any(0))
    pairs = [(number, found) for number, found in enumerate(partner)] + [(-1, number) for number in false]
    rows = []
    for number, found in pairs:
        masks = [
            components.select(np.arange(len(components)) == chosen) if chosen >= 0 else none
            for components, chosen in ((true, number), (predicted, found))
        ]
        overlaps = iou[:, found] if number < 0 else iou[number] if found < 0 else iou[number, found : found + 1]
        rows.append(
            {
                "lesion": number + 1,
                "status": "false" if number < 0 else "missed" if found < 0 else "found",
                "iou": overlaps.max(initial=0),
                **score_mask(
                    masks[0], masks[1], spacing, conventions.tolerances_mm[TARGETS[1]], conventions.both_empty
                ),
            }
        )
    return pd.DataFrame(rows, columns=[name for name in LESION_COLUMNS if name not in ("method", "case")])


def drop_small(mask: RunLengthMask, min_voxels: int) -> Components:
    """Find the components of a mask that have so many voxels."""
    components = find_components(mask)
    return find_components(components.select(components.voxels >= min_voxels))


def summarize_detection(lesions: pd.DataFrame, cases: dict[str, list[str]], seed: int) -> pd.DataFrame:
    """Summarize which tumors each method finds.

    Args:
        lesions: The table of all methods' lesions, with the columns `LESION_COLUMNS`.
        cases: The cases of each method in which its tumors were scored, with and without a true one.
        seed: The seed of the bootstrap.

    Returns:
        A table with the columns `DETECTION_COLUMNS` and a row for each method: cases; lesions, those that are found,
        and the sensitivity, their share, with the 95 % interval of `bound_share`; false, the number of false tumors,
        and their mean per case, with an interval from resampling the cases, or where none is false, that of a Poisson
        number.
    """
    rows = []
    for method, names in cases.items():
        own = lesions[lesions["method"] == method]
        counts = pd.crosstab(own["case"], own["status"]).reindex(
            index=names, columns=["found", "missed", "false"], fill_value=0
        )
        found, known = counts["found"].to_numpy(), (counts["found"] + counts["missed"]).to_numpy()
        found, known = found[known > 0], known[known > 0]
        low, high = bound_share(found, known)
        false = summarize_values(counts["false"], seed)
        if len(counts) and not counts["false"].any():
            false["mean_high"] = -np.log((1 - CONFIDENCE) / 2) / len(counts)
        rows.append(
            {
                "method": method,
                "cases": len(names),
                "lesions": known.sum(),
                "found": found.sum(),
                "sensitivity": found.sum() / known.sum() if known.sum() else float("nan"),
                "sensitivity_low": low,
                "sensitivity_high": high,
                "false": counts["false"].sum(),
                "false_per_case": false["mean"],
                "false_per_case_low": false["mean_low"],
                "false_per_case_high": false["mean_high"],
            }
        )
    return pd.DataFrame(rows, columns=DETECTION_COLUMNS)
