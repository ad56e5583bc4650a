"""Collect and draw the oracle upper bound, which is what a perfect network would score after each step."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis import ceiling
from kidney_tumor.figures.ceiling import plot_ceiling, plot_losses

import numpy as np


@cli.run_main("slices.tumor_rows", output="table of all cases, .tsv")
@cli.take_file("cases", "tables of trace_ceiling.py, one per case", nargs="+")
@cli.take_file("slices", "slices of trace_ceiling.py, .npz", nargs="+")
@cli.take_file("output-summary", "table of each step's mean and cost, .tsv")
@cli.take_file("figure", "plot of Dice after each step, .png")
@cli.take_file("figure-cases", "plot of the three cases that lose most, .png")
def main(arguments: cli.Arguments) -> None:
    table = tables.read_tables(arguments.cases, "case", "target", "step", "dice")
    summary = ceiling.summarize_steps(table)
    slices = {path.stem: path for path in arguments.slices}
    losses = {}
    for case in ceiling.find_worst_cases(table):
        with np.load(slices[case]) as stored:
            losses[case] = ceiling.Loss(int(stored["number"]), stored["truth"], stored["left"], float(stored["aspect"]))
    tables.write_table(arguments.output, table)
    tables.write_table(arguments.output_summary, summary)
    plot_ceiling(table, summary, arguments.figure)
    plot_losses(table, losses, arguments.figure_cases, arguments.tumor_rows)
    print(summary.round(3).to_string(index=False))
