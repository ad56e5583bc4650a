"""Write the model card of trained networks: data, settings, Dice with intervals, intended use and limits."""

import kidney_tumor.interrupt  # noqa: F401

from kidney_tumor import cli, files, tables
from kidney_tumor.data.targets import NETWORKS
from kidney_tumor.report.model_card import write_card
from kidney_tumor.scans import manifest


def main(arguments: cli.Arguments) -> None:
    folder = arguments.manifest.parent
    keys = ("network", "training", "hu_window", "tumor_rows", "input_pixels", "training_slices", "epochs_run")
    card = write_card(
        arguments.template,
        files.read_json(arguments.manifest, *manifest.KEYS, "source", "commit"),
        {name: files.read_json(folder / f"{name}.json", *keys, "best_epoch", "device") for name in NETWORKS},
        files.read_json(folder / "ratio_range.json", "low", "high", "percentiles", "components"),
        tables.read_tables([arguments.dice], "target", "stage", "n", "found", "mean", "median"),
        arguments.splits,
    )
    files.write_text(arguments.output, card)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, output="model card, .md")
    cli.add_file(parser, "template", "the card's template, model_card.md")
    cli.add_file(parser, "manifest", "manifest of the networks, model.json")
    cli.add_file(parser, "dice", "Dice over the test cases, dice.tsv")
    parser.add_argument("--splits", type=int, default=1, help="number of splits over which the Dice is pooled")
    cli.run(main, parser)
