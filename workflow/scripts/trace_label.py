"""Send a case's true masks, without its image, through the method's own steps."""

from dataclasses import asdict

from kidney_tumor import cli, files, rows
from kidney_tumor.analysis.trace import trace_case
from kidney_tumor.filter.constraints import FilterOptions
from kidney_tumor.filter.postprocessing import read_ratio_range
from kidney_tumor.schema import fill_dataclass

import numpy as np


@cli.run_main(
    "slices.size",
    "slices.tumor_rows",
    "inference.restore",
    "postprocess",
    "case",
    "label",
    without=["percentiles", "ratio_cases", "ratio_unit"],
)
@cli.take_file("output", "table with a row for each target and step, .tsv")
@cli.take_file("ratio-range", "range of ratios, ratio_range.json; without it, any ratio", required=False)
@cli.take_file("slice", "slice that loses most, .npz")
def main(arguments: cli.Arguments) -> None:
    steps, loss = trace_case(
        arguments.case,
        arguments.label,
        arguments.size,
        arguments.tumor_rows,
        arguments.restore,
        read_ratio_range(arguments.ratio_range) if arguments.ratio_range else None,
        fill_dataclass(FilterOptions, vars(arguments) | {"percentiles": None}),
    )
    with files.write_atomically(arguments.slice) as temporary:
        np.savez_compressed(temporary, **asdict(loss))
    rows.write_rows(arguments.output, steps)
