"""Draw Figure 3, box plots of Dice before and after post-processing, and a plot of the same cases in pairs."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.scoring import SCORE_COLUMNS
from kidney_tumor.figures.dice import plot_dice, plot_pairs


@cli.run_main("scores", "source")
@cli.take_file("effect", "table effect.tsv")
@cli.take_file("output", "Figure 3, .png, .svg or .pdf", nargs="+")
@cli.take_file("output-pairs", "plot with a line for each case, .png")
def main(arguments: cli.Arguments) -> None:
    scores = tables.read_tables([arguments.scores], *SCORE_COLUMNS)
    phantom = arguments.source == "phantom"
    plot_dice(scores, phantom, arguments.output)
    plot_pairs(scores, tables.read_tables([arguments.effect]), phantom, arguments.output_pairs)
