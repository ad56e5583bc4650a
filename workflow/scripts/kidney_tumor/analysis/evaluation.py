"""Predictions against labels, without an image: the scores of a case, its tumors, and the slices to look at."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from kidney_tumor.analysis.exchanges import find_exchange
from kidney_tumor.analysis.lesions import LESION_COLUMNS, score_lesions
from kidney_tumor.analysis.method_scores import (
    COMPARISON_COLUMNS,
    TEXT_COLUMNS,
    Conventions,
    make_rows,
    score_segmentation,
)
from kidney_tumor.data.arrays import read_arrays, write_arrays
from kidney_tumor.data.cohort import format_cases
from kidney_tumor.data.segmentations import Segmentation, UnusableError
from kidney_tumor.data.targets import TARGETS
from kidney_tumor.volumes.labels import KIDNEY, TUMOR
from kidney_tumor.volumes.masks import Box, Masks, Spacing
from kidney_tumor.volumes.nifti import read_geometry

MARGIN_MM = 15.0
"""What a slice to look at shows around its labels."""
SHOWN = (
    ("dice", "mean", "mean Dice", 4),
    ("dice", "median", "median Dice", 4),
    ("surface_dice", "mean", "mean surface Dice", 4),
    ("hd95_mm", "median", "median HD95, mm", 1),
)
"""What is shown of the scores: the measure, its mean or median, the column's name, and the digits."""


@dataclass(frozen=True)
class View:
    """The slice of a case in which a prediction is most wrong.

    Attributes:
        number: The number of the slice.
        truth: Its true labels around what is labeled in it, shape (rows, columns), uint8.
        prediction: The predicted ones, of the same shape.
        aspect: The height of a pixel over its width.
        pixel_mm: The width of a pixel.
    """

    number: int
    truth: np.ndarray
    prediction: np.ndarray
    aspect: float
    pixel_mm: float


@dataclass(frozen=True)
class Evaluation:
    """What is known of a case as a method segments it.

    Attributes:
        scores: A table with the columns `COMPARISON_COLUMNS` and a row for each target.
        lesions: A table with the columns `LESION_COLUMNS` and a row for each tumor.
        views: The slice to look at for each target.
    """

    scores: pd.DataFrame
    lesions: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=LESION_COLUMNS))
    views: Mapping[str, View] = field(default_factory=dict)


def evaluate_case(
    method: str, case: str, truth: Segmentation, prediction: Segmentation, conventions: Conventions, min_voxels: int
) -> Evaluation:
    """Score a prediction, each of its tumors, and find the slices to look at.

    Args:
        method: The name of the method.
        case: The name of the case.
        truth: The true segmentation, in whose grid the prediction must be.
        prediction: The prediction.
        conventions: The tolerances, and what two empty masks get.
        min_voxels: The number of voxels below which a component of the tumor counts as none.

    Returns:
        The evaluation; of files that cannot be used, a table of scores with a problem in words in their place.
    """
    targets = [target for target in truth.targets if target in prediction.targets]
    reference = truth.files[0]
    try:
        true, predicted = truth.read(reference), prediction.read(reference)
        spacing = read_geometry(reference).spacing
    except UnusableError as error:
        rows = make_rows(method, case, prediction, targets, {}, str(error))
        return Evaluation(pd.DataFrame(rows, columns=COMPARISON_COLUMNS))
    scores = score_segmentation(true, predicted, spacing, conventions)
    exchanged = find_exchange(true, predicted, TARGETS[1] in targets)
    rows = make_rows(method, case, prediction, targets, scores, "", exchanged)
    table = pd.DataFrame(rows, columns=COMPARISON_COLUMNS)
    views = {target: view for target in targets if (view := find_view(true, predicted, spacing, target))}
    if TARGETS[1] not in targets:
        return Evaluation(table, views=views)
    lesions = score_lesions(true[1], predicted[1], spacing, conventions, min_voxels)
    lesions.insert(0, "method", method)
    lesions.insert(1, "case", case)
    return Evaluation(table, lesions, views)


def find_view(truth: Masks, prediction: Masks, spacing: Spacing, target: str) -> View | None:
    """Find the slice in which most voxels of a target are wrong; None if there is nothing in both masks.

    Of a perfect prediction it is the slice with most of the target.
    """
    index = TARGETS.index(target)
    true, predicted = truth[index], prediction[index]
    _, _, shared = true.find_overlaps(predicted)
    true_sizes, sizes, common = (mask.count_by_slice() for mask in (true, predicted, shared))
    wrong = true_sizes + sizes - 2 * common
    if not (true_sizes + sizes).any():
        return None
    number = int(np.argmax(wrong if wrong.any() else true_sizes))
    whole = slice(number, number + 1), slice(0, true.shape[1]), slice(0, true.shape[2])
    pair = [_merge_slice(masks, whole) for masks in (truth, prediction)]
    shown = np.logical_or(*pair)
    rows, columns = (
        _widen(np.flatnonzero(shown.any(axis)), step, length)
        for axis, step, length in ((1, spacing[1], shown.shape[0]), (0, spacing[2], shown.shape[1]))
    )
    return View(number, pair[0][rows, columns], pair[1][rows, columns], spacing[1] / spacing[2], spacing[2])


def _merge_slice(masks: Masks, box: Box) -> np.ndarray:
    """Merge the masks of kidney + tumor and of tumor in a slice: shape (rows, columns), uint8."""
    kidney_tumor, tumor = (mask.crop(box)[0] for mask in masks)
    return np.where(tumor, TUMOR, np.where(kidney_tumor, KIDNEY, 0)).astype(np.uint8)


def _widen(places: np.ndarray, step_mm: float, length: int) -> slice:
    """Return the part of an axis that holds some places, and the margin around them."""
    margin = round(MARGIN_MM / step_mm)
    return slice(max(0, int(places.min()) - margin), min(length, int(places.max()) + 1 + margin))


def write_views(path: Path, views: Mapping[str, View]) -> None:
    """Write the slices to look at of a case, .npz."""
    write_arrays(path, {target: asdict(view) for target, view in views.items()})


def read_view(path: Path, target: str) -> View:
    """Read the slice to look at for a target, as `write_views` wrote it."""
    stored = read_arrays(path, target)
    aspect, pixel_mm = float(stored["aspect"]), float(stored["pixel_mm"])
    return View(int(stored["number"]), stored["truth"], stored["prediction"], aspect, pixel_mm)


def add_left_out(table: pd.DataFrame, left_out: Iterable[Sequence[str]], methods: Sequence[str]) -> pd.DataFrame:
    """Add the cases that have no pair of files to the table of cases, for each target that a method has elsewhere.

    Args:
        table: The table, with the columns `COMPARISON_COLUMNS`.
        left_out: For each, the method, the case and the problem.
        methods: The names of the methods in their order, which the table keeps.
    """
    targets = {method: table.loc[table["method"] == method, "target"].unique() for method in methods}
    rows = [
        dict.fromkeys(TEXT_COLUMNS, "") | {"method": method, "case": case, "target": target, "problem": problem}
        for method, case, problem in left_out
        for target in targets[method]
    ]
    joined = pd.concat([table, pd.DataFrame(rows)], ignore_index=True)
    return joined.sort_values("method", key=lambda names: names.map(list(methods).index), kind="stable")


def list_detected(table: pd.DataFrame) -> dict[str, list[str]]:
    """List the cases of each method in which its tumors were scored, by the table of cases."""
    scored = table[(table["problem"] == "") & (table["target"] == TARGETS[1])]
    return {method: rows["case"].tolist() for method, rows in scored.groupby("method", sort=False)}


def _describe_value(row: pd.Series, value: str, digits: int) -> str:
    """Describe the mean or median of a measure with its interval, and how many cases have an infinite value."""
    known = f"{row[value]:.{digits}f} [{row[f'{value}_low']:.{digits}f}, {row[f'{value}_high']:.{digits}f}]"
    infinite = f"{row['infinite']:.0f} infinite"
    return ", ".join(text for text, count in ((known, row["n"]), (infinite, row["infinite"])) if count)


def describe_methods(summary: pd.DataFrame, detection: pd.DataFrame) -> Iterator[str]:
    """Describe the scores of all methods by their tables: lines of a table, and a sentence on the tumors they find."""
    cells = summary.set_index(["method", "target", "measure"])
    rows = []
    for method, target, _ in cells[(cells["n"] > 0) & (cells.index.get_level_values("measure") == "dice")].index:
        row = {"method": method, "target": target.replace("_", " + ")}
        row["cases"] = str(cells.loc[(method, target, "dice"), "n"])
        for measure, value, name, digits in SHOWN:
            row[name] = _describe_value(cells.loc[(method, target, measure)], value, digits)
        rows.append(row)
    lines = [list(rows[0]), *(list(row.values()) for row in rows)] if rows else []
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    for _, row in detection.iterrows():
        low, high, fewest, most = (
            row[f"{name}_{end}"] for name in ("sensitivity", "false_per_case") for end in ("low", "high")
        )
        share = f" ({row['sensitivity']:.0%} [{low:.0%}, {high:.0%}])" if row["lesions"] else ""
        yield (
            f"{row['method']}: {row['found']} of {row['lesions']} tumors found{share} in {row['cases']} cases, "
            f"{row['false_per_case']:.2f} [{fewest:.2f}, {most:.2f}] false ones per case"
        )


def list_unequal(summary: pd.DataFrame) -> Iterator[str]:
    """List in words for which target the means of the methods are over different numbers of cases."""
    dices = summary[(summary["measure"] == "dice") & (summary["n"] > 0)]
    for target, rows in dices.groupby("target", sort=False):
        if rows["n"].nunique() > 1:
            counts = ", ".join(f"{row['method']} {row['n']}" for _, row in rows.iterrows())
            yield (
                f"the means of {str(target).replace('_', ' + ')} are over different cases ({counts}): compare the "
                "methods by the differences below, which are over the cases of both"
            )


def list_unmatched(left_out: Iterable[Sequence[str]], total: int, extra: Iterable[Sequence[str]]) -> Iterator[str]:
    """List in words which cases have no pair of files.

    Args:
        left_out: For each, the method, the case and the problem.
        total: The number of all cases with a truth.
        extra: For each method that has more cases than the truth, its name and theirs.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for method, case, problem in left_out:
        groups.setdefault((method, problem), []).append(case)
    for (method, problem), cases in groups.items():
        yield f"{method}: {len(cases)} of {total} cases are left out, {problem}: {format_cases(cases)}"
    for method, *cases in extra:
        yield f"{method}: there is no label for {len(cases)} of its cases: {format_cases(cases)}"
