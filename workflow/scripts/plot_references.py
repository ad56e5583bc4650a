"""Draw the Dice after post-processing beside results that others have published."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli, tables
from kidney_tumor.analysis import scoring
from kidney_tumor.figures.references import REFERENCE_COLUMNS, plot_references


def main(arguments: argparse.Namespace) -> None:
    scores = tables.read_tables([arguments.scores], *scoring.SCORE_COLUMNS)
    references = tables.read_tables([arguments.references], *REFERENCE_COLUMNS)
    plot_references(scores, references, arguments.source == "phantom", arguments.output)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--scores", type=Path, required=True, help="table scores.tsv")
    parser.add_argument("--references", type=Path, required=True, help="published results, references.tsv")
    parser.add_argument("--source", choices=("kits19", "phantom"), default="kits19", help="source of the cohort")
    parser.add_argument("--output", type=Path, nargs="+", required=True, help="figure, .png or .svg")
    cli.run(main, parser)
