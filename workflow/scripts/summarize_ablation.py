"""Collect the Dice under every variant of the filter, compare it with the configured one, and draw it."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.summary import compare_variants
from kidney_tumor.figures.ablation import plot_ablation
from kidney_tumor.filter.constraints import OFF


@cli.run_main("statistics.seed", "source", output="table with a row for each variant and target, .tsv")
@cli.take_file("cases", "tables of ablate.py, the configured variant first", nargs="+")
@cli.take_file("figure", "figures of the table, .png or .svg", nargs="+")
def main(arguments: cli.Arguments) -> None:
    columns = "case", "target", "dice", "predicted_voxels", *OFF
    scores = tables.read_tables(arguments.cases, *columns, texts=["case", "target", *OFF])
    variants = [variant for _, variant in scores.groupby(list(OFF), sort=False)]
    summary = compare_variants(variants, arguments.seed)
    tables.write_table(arguments.output, summary)
    plot_ablation(summary, arguments.source == "phantom", arguments.figure)
