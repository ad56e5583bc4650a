"""Collect the Dice under every variant of the filter, compare it with the configured one, and draw it."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli, tables
from kidney_tumor.analysis.summary import compare_variants
from kidney_tumor.figures.ablation import plot_ablation
from kidney_tumor.filter.constraints import OFF


def main(arguments: argparse.Namespace) -> None:
    read = [
        tables.read_tables([path], "case", "target", "dice", *OFF, texts=["case", "target", *OFF])
        for path in arguments.variants
    ]
    summary = compare_variants(read, arguments.seed)
    tables.write_table(arguments.output, summary)
    plot_ablation(summary, arguments.figure)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "statistics.seed")
    parser.add_argument(
        "--variants", type=Path, nargs="+", required=True, help="tables of ablate.py, the configured variant first"
    )
    parser.add_argument("--settings", nargs="*", action=cli.Renamed, const="--variants", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, required=True, help="table with a row for each variant and target, .tsv")
    parser.add_argument("--figure", type=Path, nargs="+", required=True, help="figures of the table, .png or .svg")
    cli.run(main, parser)
