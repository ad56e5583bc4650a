"""Draw the Dice after post-processing beside results that others have published."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli, tables
from kidney_tumor.analysis import scoring
from kidney_tumor.figures.references import COLUMNS, plot_references


def main(arguments: argparse.Namespace) -> None:
    scores = tables.read_tables([arguments.scores], *scoring.COLUMNS)
    references = tables.read_tables([arguments.references], *COLUMNS)
    plot_references(scores, references, arguments.source == "phantom", arguments.output)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    cli.add_shared(parser, "scores", "source")
    parser.add_argument("--references", type=Path, required=True, help="published results, references.tsv")
    parser.add_argument("--output", type=Path, nargs="+", required=True, help="figure, .png or .svg")
    cli.run(main, parser)
