"""Collect the volumes, diameters and shapes of all cases, and draw the agreement of the tumor volumes."""

import kits.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kits import cli, tables
from kits.figures.morphometry import plot_agreement


def main(arguments: argparse.Namespace) -> None:
    table = tables.read_tables(arguments.cases, "case")
    tables.write_table(arguments.output, table)
    plot_agreement(table, arguments.figure)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--cases", type=Path, nargs="+", required=True, help="tables of measure_case.py, one per case")
    parser.add_argument("--output", type=Path, required=True, help="table of all cases, .tsv")
    parser.add_argument("--figure", type=Path, required=True, help="Bland-Altman plot, .png")
    cli.run(main, parser)
