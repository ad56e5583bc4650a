"""Draw the distribution of the labeled tumors' eigenvalue ratios, with the accepted range and the paper's."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli, files, tables
from kidney_tumor.figures.ratios import plot_ratios


def main(arguments: argparse.Namespace) -> None:
    components = tables.read_tables([arguments.components], "ratio")
    accepted = files.read_json(arguments.ratio_range, "low", "high", "percentiles")
    claims = tables.read_tables([arguments.paper], "claim", "paper").set_index("claim")["paper"]
    paper = float(claims["accepted ratio, low"]), float(claims["accepted ratio, high"])
    ratios = (accepted["low"], accepted["high"]) if accepted["percentiles"] else None
    plot_ratios(components, ratios, paper, arguments.source == "phantom", arguments.output)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--components", type=Path, required=True, help="table tumor_components.tsv")
    parser.add_argument("--ratio-range", type=Path, required=True, help="range of ratios, ratio_range.json")
    parser.add_argument("--paper", type=Path, required=True, help="the paper's claims, paper_claims.tsv")
    parser.add_argument("--source", choices=("kits19", "phantom"), default="kits19", help="source of the cohort")
    parser.add_argument("--output", type=Path, required=True, help="histogram, .png")
    cli.run(main, parser)
