"""Draw Figure 3, box plots of Dice before and after post-processing, and a plot of the same cases in pairs."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.scoring import SCORE_COLUMNS
from kidney_tumor.figures.dice import plot_dice, plot_pairs


def main(arguments: cli.Arguments) -> None:
    scores = tables.read_tables([arguments.scores], *SCORE_COLUMNS)
    plot_dice(scores, arguments.output)
    plot_pairs(scores, tables.read_tables([arguments.effect]), arguments.output_pairs)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    cli.add_shared(parser, "scores")
    cli.add_file(parser, "effect", "table effect.tsv")
    cli.add_file(parser, "output", "Figure 3, .png, .svg or .pdf", nargs="+")
    cli.add_file(parser, "output-pairs", "plot with a line for each case, .png")
    cli.run(main, parser)
