"""Collect Dice under every setting of the filter, beside the configured one, and draw it."""

import argparse
from pathlib import Path

from kits import cli, tables
from kits.figures.ablation import plot_ablation
from kits.settings import OFF
from kits.summary import compare_settings


def main(arguments: argparse.Namespace) -> None:
    settings = [
        tables.read([path], "case", "target", "dice", *OFF).astype(dict.fromkeys(OFF, str))
        for path in arguments.settings
    ]
    summary = compare_settings(settings, arguments.seed)
    tables.write(arguments.output, summary)
    plot_ablation(summary, arguments.figure)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--settings", type=Path, nargs="+", required=True, help="tables of ablate.py, the configured setting first"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--output", type=Path, required=True, help="a row for each setting and target, .tsv")
    parser.add_argument("--figure", type=Path, nargs="+", required=True, help="the same drawn, .png or .svg")
    cli.run(main, parser)
