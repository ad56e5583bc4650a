"""Write the model card of trained networks: data, settings, Dice with intervals, intended use and limits."""

from kidney_tumor import cli, files, tables
from kidney_tumor.data.targets import NETWORKS
from kidney_tumor.report.model_card import write_card
from kidney_tumor.scans import manifest


@cli.run_main(output="model card, .md")
@cli.take_file("template", "the card's template, model_card.md")
@cli.take_file("manifest", "manifest of the networks, model.json")
@cli.take_file("dice", "Dice over the test cases, dice.tsv")
@cli.take_option("splits", type=int, default=1, help="number of splits over which the Dice is pooled")
def main(arguments: cli.Arguments) -> None:
    folder = arguments.manifest.parent
    keys = ("network", "training", "hu_window", "tumor_rows", "input_pixels", "training_slices", "epochs_run")
    card = write_card(
        arguments.template,
        files.read_json(arguments.manifest, *manifest.KEYS, "source", "commit"),
        {name: files.read_json(folder / f"{name}.json", *keys, "best_epoch", "device") for name in NETWORKS},
        files.read_json(folder / "ratio_range.json", "low", "high", "unit", "percentiles", "components"),
        tables.read_tables([arguments.dice], "target", "stage", "n", "found", "mean", "median"),
        arguments.splits,
    )
    files.write_text(arguments.output, card)
