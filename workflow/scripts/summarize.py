"""Collect and summarize the cases' scores, test the effect of post-processing, and check the paper's claims."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

import pandas as pd

from kidney_tumor import cli, files, tables
from kidney_tumor.analysis import claims, summary
from kidney_tumor.analysis.scoring import SCORE_COLUMNS
from kidney_tumor.data.split import read_split


def main(arguments: argparse.Namespace) -> None:
    scores = tables.read_tables(arguments.scores, *SCORE_COLUMNS)
    dice = summary.summarize_dice(scores, arguments.seed)
    models = [files.read_json(path, "target", "history") for path in arguments.records]
    checked = claims.check_claims(
        pd.read_csv(arguments.paper, sep="\t", dtype=str),
        dice,
        scores,
        [read_split(path) for path in arguments.splits],
        files.read_json(arguments.ratio_range, "low", "high"),
        {record["target"]: record["history"] for record in models},
        arguments.source,
        arguments.deviations,
    )
    for name, table in {
        "scores": scores,
        "dice": dice,
        "effect": summary.measure_effect(scores, arguments.seed),
    }.items():
        tables.write_table(arguments.output / f"{name}.tsv", table)
    tables.write_table(arguments.output / "summary.tsv", checked, digits="%.4g", undefined="")  # rounded for readers


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "statistics.seed")
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="tables of score.py, one per case")
    parser.add_argument("--splits", type=Path, nargs="+", required=True, help="table split.tsv of each split")
    parser.add_argument("--records", type=Path, nargs="+", required=True, help="records of the first split's models")
    parser.add_argument("--ratio-range", type=Path, required=True, help="range of ratios, ratio_range.json")
    parser.add_argument("--paper", type=Path, required=True, help="table of the paper's claims, .tsv")
    parser.add_argument("--source", choices=("kits19", "phantom"), default="kits19", help="source of the cohort")
    parser.add_argument("--deviations", nargs="*", default=[], help="keys whose values are not the paper's")
    parser.add_argument("--departures", nargs="*", action=cli.Renamed, const="--deviations", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, required=True, help="folder for scores, dice, effect, summary (.tsv)")
    cli.run(main, parser)
