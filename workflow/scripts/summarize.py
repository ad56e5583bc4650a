"""Collect and summarize the cases' scores, test the effect of post-processing, and check the paper's claims."""

from kidney_tumor import cli, files, tables
from kidney_tumor.analysis import claims, summary
from kidney_tumor.analysis.scoring import SCORE_COLUMNS
from kidney_tumor.data.split import read_split

import pandas as pd


@cli.run_main("statistics.seed", "ratio-range", "source", output="folder for scores, dice, effect, summary (.tsv)")
@cli.take_file("scores", "tables of score.py, one per case", nargs="+")
@cli.take_file("splits", "table split.tsv of each split", nargs="+")
@cli.take_file("records", "records of the first split's models", nargs="+")
@cli.take_file("paper", "table of the paper's claims, .tsv")
@cli.take_option("deviations", nargs="*", default=[], help="keys whose values are not the paper's")
def main(arguments: cli.Arguments) -> None:
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
