"""Draw the Dice after post-processing beside results that others have published."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis import scoring
from kidney_tumor.figures.references import REFERENCE_COLUMNS, plot_references


def main(arguments: cli.Arguments) -> None:
    scores = tables.read_tables([arguments.scores], *scoring.SCORE_COLUMNS)
    references = tables.read_tables([arguments.references], *REFERENCE_COLUMNS)
    plot_references(scores, references, arguments.source == "phantom", arguments.output)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    cli.add_shared(parser, "scores", "source")
    cli.add_file(parser, "references", "published results, references.tsv")
    cli.add_file(parser, "output", "figure, .png or .svg", nargs="+")
    cli.run(main, parser)
