"""Trace a case's oracle upper bound: send its true masks, without its image, through the method's own steps."""

import kidney_tumor.interrupt  # noqa: F401

from dataclasses import asdict

import numpy as np

from kidney_tumor import cli, files, tables
from kidney_tumor.analysis.ceiling import trace_case
from kidney_tumor.data.restoration import LINEAR, METHODS
from kidney_tumor.data.slices import LOWER_HALF, TUMOR_ROWS
from kidney_tumor.filter.constraints import FilterOptions
from kidney_tumor.filter.postprocessing import read_ratio_range


def main(arguments: cli.Arguments) -> None:
    table, loss = trace_case(
        arguments.case,
        arguments.label,
        arguments.size,
        arguments.tumor_rows,
        arguments.restore,
        read_ratio_range(arguments.ratio_range) if arguments.ratio_range else None,
        cli.read_options(arguments, FilterOptions),
    )
    with files.write_atomically(arguments.slice) as temporary:
        np.savez_compressed(temporary, **asdict(loss))
    tables.write_table(arguments.output, table)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, output="table with a row for each target and step, .tsv")
    cli.add_shared(parser, "case", "label")
    parser.add_argument("--tumor-rows", choices=TUMOR_ROWS, default=LOWER_HALF, help="rows that a tumor network sees")
    parser.add_argument("--restore", choices=METHODS, default=LINEAR, help="how pixels become voxels")
    parser.add_argument("--size", type=int, default=256, help="rows and columns of the networks' slices in pixels")
    cli.add_file(parser, "ratio-range", "range of ratios, ratio_range.json; without it, any ratio", required=False)
    cli.add_options(parser, FilterOptions, without={"percentiles"})
    cli.add_file(parser, "slice", "slice that loses most, .npz")
    cli.run(main, parser)
