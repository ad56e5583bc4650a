"""Draw the clinical record of a phantom cohort, kits.json, from the measures of its labels and noise."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli, files, tables
from kidney_tumor.phantom.record import draw_record


def main(arguments: argparse.Namespace) -> None:
    measures = tables.read_tables(arguments.measures, "case", "tumor_axial_mm")
    files.write_json(arguments.output, draw_record(measures, arguments.seed))


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "phantom.seed")
    parser.add_argument("--measures", type=Path, nargs="+", required=True, help="tables of measure_label.py")
    parser.add_argument("--output", type=Path, required=True, help="clinical record, kits.json")
    cli.run(main, parser)
