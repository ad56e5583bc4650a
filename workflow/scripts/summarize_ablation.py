"""Collect the Dice under every variant of the filter, compare it with the configured one, and draw it."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.summary import compare_variants
from kidney_tumor.figures.ablation import plot_ablation
from kidney_tumor.filter.constraints import OFF


@cli.run_main("statistics.seed", "source", output="table with a row for each variant and target, .tsv")
@cli.take_file("variants", "tables of ablate.py, the configured variant first", nargs="+")
@cli.take_file("figure", "figures of the table, .png or .svg", nargs="+")
def main(arguments: cli.Arguments) -> None:
    read = [
        tables.read_tables([path], "case", "target", "dice", *OFF, texts=["case", "target", *OFF])
        for path in arguments.variants
    ]
    summary = compare_variants(read, arguments.seed)
    tables.write_table(arguments.output, summary)
    plot_ablation(summary, arguments.source == "phantom", arguments.figure)
