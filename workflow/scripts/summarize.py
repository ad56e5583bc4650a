"""Collect the cases' scores and summarise them beside the paper's figures."""

import argparse
from pathlib import Path

import pandas as pd

from kits import cli
from kits.scoring import summarize


def main(arguments: argparse.Namespace) -> None:
    scores = pd.concat([pd.read_csv(path, sep="\t") for path in arguments.scores])
    summary = summarize(scores, pd.read_csv(arguments.paper, sep="\t"))
    for table, path in ((scores, arguments.output_scores), (summary, arguments.output_summary)):
        with cli.atomic(path) as temporary:
            table.to_csv(temporary, sep="\t", index=False, na_rep="nan", float_format="%.6f")


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="what score.py wrote, a file a case")
    parser.add_argument("--paper", type=Path, required=True, help="the paper's figures, .tsv")
    parser.add_argument("--output-scores", type=Path, required=True, help="all scores, .tsv")
    parser.add_argument("--output-summary", type=Path, required=True, help="summary, .tsv")
    cli.run(main, parser)
