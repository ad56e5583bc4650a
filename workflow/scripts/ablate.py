"""Filter the predictions of a run with a variant of the filter, and score the results."""

import argparse

from kidney_tumor import cli
from kidney_tumor.analysis.ablation import score_variant
from kidney_tumor.data.split import read_split
from kidney_tumor.filter.constraints import FilterOptions
from kidney_tumor.filter.variants import format_options
from kidney_tumor.rows import read_rows, write_rows
from kidney_tumor.schema import fill_dataclass

import numpy as np


@cli.run_main("postprocess", "components", output="table with a row for each case and target, .tsv")
@cli.take_file("predictions", "folders of raw masks, one per case", nargs="+")
@cli.take_file("labels", "label volumes, one for each folder", nargs="+")
@cli.take_option("fill-holes", action=argparse.BooleanOptionalAction, default=True, help="fill holes first")
def main(arguments: cli.Arguments) -> None:
    variant = fill_dataclass(FilterOptions, vars(arguments))
    column = f"ratio_{arguments.ratio_unit}"
    components = read_rows(arguments.components, "case", column)
    columns, text, rows = ("case", "target", "dice", "predicted_voxels"), format_options(variant), []
    for folder, label in zip(arguments.predictions, arguments.labels, strict=True):
        counted = components
        if arguments.ratio_cases == "train":  # those of the split to which the prediction belongs
            parts = read_split(folder.parents[1] / "split.tsv")
            counted = [row for row in components if parts.get(row["case"]) == "train"]
        ratios = np.array([float(row[column]) for row in counted])
        scores = score_variant(folder, label, ratios, arguments.ratio_unit, variant)
        rows += [text | dict(zip(columns, score, strict=True)) for score in scores]
    write_rows(arguments.output, rows, (*text, *columns))
