"""Write the model card of trained networks: data, settings, Dice with intervals, intended use and limits."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli, files, tables
from kidney_tumor.data.targets import NETWORKS
from kidney_tumor.report.model_card import write_card
from kidney_tumor.scans import manifest


def main(arguments: argparse.Namespace) -> None:
    folder = arguments.manifest.parent
    keys = ("network", "training", "hu_window", "tumor_rows", "input_pixels", "training_slices", "epochs_run")
    card = write_card(
        files.read_json(arguments.manifest, *manifest.KEYS, "source", "commit"),
        {name: files.read_json(folder / f"{name}.json", *keys, "best_epoch", "device") for name in NETWORKS},
        files.read_json(folder / "ratio_range.json", "low", "high", "percentiles", "components"),
        tables.read_tables([arguments.dice], "target", "stage", "n", "found", "mean", "median"),
        arguments.splits,
    )
    with files.write_atomically(arguments.output) as temporary:
        temporary.write_text(card, encoding="utf-8")


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="manifest of the networks, model.json")
    parser.add_argument("--dice", type=Path, required=True, help="Dice over the test cases, dice.tsv")
    parser.add_argument("--splits", type=int, default=1, help="number of splits over which the Dice is pooled")
    parser.add_argument("--output", type=Path, required=True, help="model card, .md")
    cli.run(main, parser)
