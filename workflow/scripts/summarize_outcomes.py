"""Measure the association of each tumor measure with each clinical outcome, in a table and a figure."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli, tables
from kidney_tumor.analysis.outcomes import tabulate_outcomes
from kidney_tumor.figures.outcomes import plot_outcomes


def main(arguments: argparse.Namespace) -> None:
    record = tables.read_tables([arguments.record], "case", "radiographic_mm").set_index("case")
    cases = tables.read_tables(arguments.measures, "case", "tumor_axial_mm").set_index("case").join(record)
    outcomes = tabulate_outcomes(cases, arguments.seed)
    tables.write_table(arguments.output, outcomes.assign(source=arguments.source), digits="%.6g")
    plot_outcomes(outcomes, len(cases), arguments.source == "phantom", arguments.figure)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "statistics.seed")
    parser.add_argument("--measures", type=Path, nargs="+", required=True, help="tables of measure_label.py")
    parser.add_argument("--record", type=Path, required=True, help="table of read_record.py")
    parser.add_argument("--source", choices=("kits19", "phantom"), default="kits19", help="source of the cohort")
    parser.add_argument("--output", type=Path, required=True, help="table of associations, .tsv")
    parser.add_argument("--figure", type=Path, required=True, help="associations at a glance, .png")
    cli.run(main, parser)
