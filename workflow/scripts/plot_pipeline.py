"""Draw Figure 1, the pipeline, from the graph of its rules."""

from kidney_tumor import cli
from kidney_tumor.figures.pipeline import plot_pipeline


def main(arguments: cli.Arguments) -> None:
    plot_pipeline([tuple(edge.split(":", 1)) for edge in arguments.edges], arguments.output)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--edges", nargs="+", required=True, help="pairs first:second; the second rule needs the first")
    cli.add_file(parser, "output", "figure, .png or .svg", nargs="+")
    cli.run(main, parser)
