"""Draw Figure 1, the pipeline, from the graph of its rules."""

from kidney_tumor import cli
from kidney_tumor.figures.pipeline import plot_pipeline


@cli.run_main()
@cli.take_option("edges", nargs="+", required=True, help="pairs first:second; the second rule needs the first")
@cli.take_file("output", "figure, .png or .svg", nargs="+")
def main(arguments: cli.Arguments) -> None:
    plot_pipeline([tuple(edge.split(":", 1)) for edge in arguments.edges], arguments.output)
