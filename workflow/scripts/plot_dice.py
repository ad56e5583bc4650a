"""Draw Figure 3: box plots of Dice before and after post-processing."""

import argparse
from pathlib import Path

import pandas as pd

from kits import cli
from kits.figures import plot_dice


def main(arguments: argparse.Namespace) -> None:
    plot_dice(pd.read_csv(arguments.scores, sep="\t"), arguments.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--scores", type=Path, required=True, help="scores.tsv")
    parser.add_argument("--output", type=Path, nargs="+", required=True, help="figures, .png, .svg or .pdf")
    cli.run(main, parser)
