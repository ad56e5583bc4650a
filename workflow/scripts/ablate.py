"""Filter the predictions of a run with a variant of the filter, and score the results."""

import argparse

from kidney_tumor import cli, tables
from kidney_tumor.analysis.ablation import score_variant
from kidney_tumor.data.split import read_split
from kidney_tumor.filter.constraints import FilterOptions
from kidney_tumor.filter.variants import format_options
from kidney_tumor.schema import fill_dataclass

import pandas as pd


@cli.run_main("postprocess", "components", output="table with a row for each case and target, .tsv")
@cli.take_file("predictions", "folders of raw masks, one per case", nargs="+")
@cli.take_file("labels", "label volumes, one for each folder", nargs="+")
@cli.take_option("fill-holes", action=argparse.BooleanOptionalAction, default=True, help="fill holes first")
def main(arguments: cli.Arguments) -> None:
    variant = fill_dataclass(FilterOptions, vars(arguments))
    column = f"ratio_{arguments.ratio_unit}"
    components = tables.read_tables([arguments.components], "case", column).set_index("case")[column]
    rows = []
    for folder, label in zip(arguments.predictions, arguments.labels, strict=True):
        ratios = components
        if arguments.ratio_cases == "train":  # those of the split to which the prediction belongs
            parts = read_split(folder.parents[1] / "split.tsv")
            ratios = components[[parts.get(case) == "train" for case in components.index]]
        rows += score_variant(folder, label, ratios.to_numpy(float), arguments.ratio_unit, variant)
    table = pd.DataFrame(rows, columns=["case", "target", "dice", "predicted_voxels"])
    text = format_options(variant)
    tables.write_table(arguments.output, table.assign(**text)[[*text, *table.columns]])
