"""Summarize and draw the score of the true masks after each step of the method."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.trace import Loss
from kidney_tumor.analysis.trace_summary import describe_loss, find_worst_cases, summarize_steps
from kidney_tumor.data.arrays import read_arrays
from kidney_tumor.figures.trace import plot_losses, plot_trace


@cli.run_main("slices.tumor_rows", "statistics.seed", "source", output="table of each step's mean and cost, .tsv")
@cli.take_file("trace", "table of trace_labels.py")
@cli.take_file("slices", "slices of trace_labels.py, .npz")
@cli.take_file("figure", "plot of Dice after each step, .png")
@cli.take_file("figure-cases", "plot of the three cases that lose most, .png")
def main(arguments: cli.Arguments) -> None:
    table = tables.read_tables([arguments.trace], "case", "target", "step", "dice")
    summary = summarize_steps(table, arguments.seed)
    losses = {}
    for case in find_worst_cases(table):
        stored = read_arrays(arguments.slices, case)
        losses[case] = Loss(int(stored["number"]), stored["truth"], stored["left"], float(stored["aspect"]))
    tables.write_table(arguments.output, summary)
    phantom = arguments.source == "phantom"
    plot_trace(table, summary, phantom, arguments.figure)
    plot_losses(table, losses, phantom, arguments.figure_cases, arguments.tumor_rows)
    for line in describe_loss(summary):
        print(line)
