"""Draw the Dice after post-processing beside results that others have published."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis import scoring
from kidney_tumor.figures.references import REFERENCE_COLUMNS, plot_references


@cli.run_main("scores", "source")
@cli.take_file("references", "published results, references.tsv")
@cli.take_file("output", "figure, .png or .svg", nargs="+")
def main(arguments: cli.Arguments) -> None:
    scores = tables.read_tables([arguments.scores], *scoring.SCORE_COLUMNS)
    references = tables.read_tables([arguments.references], *REFERENCE_COLUMNS)
    plot_references(scores, references, arguments.source == "phantom", arguments.output)
