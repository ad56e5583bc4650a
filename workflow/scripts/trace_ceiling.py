"""Trace a case's oracle upper bound: send its true masks, without its image, through the method's own steps."""

from dataclasses import asdict

import numpy as np

from kidney_tumor import cli, files, tables
from kidney_tumor.analysis.ceiling import trace_case
from kidney_tumor.filter.constraints import FilterOptions
from kidney_tumor.filter.postprocessing import read_ratio_range
from kidney_tumor.schema import fill_dataclass


def main(arguments: cli.Arguments) -> None:
    table, loss = trace_case(
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
    tables.write_table(arguments.output, table)


if __name__ == "__main__":
    keys = ("slices.size", "slices.tumor_rows", "inference.restore", "postprocess")
    parser = cli.make_parser(
        __doc__, *keys, without=["percentiles", "ratio_cases"], output="table with a row for each target and step, .tsv"
    )
    cli.add_shared(parser, "case", "label")
    cli.add_file(parser, "ratio-range", "range of ratios, ratio_range.json; without it, any ratio", required=False)
    cli.add_file(parser, "slice", "slice that loses most, .npz")
    cli.run(main, parser)
