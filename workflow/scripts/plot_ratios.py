"""Draw the distribution of the labeled tumors' eigenvalue ratios, with the accepted range and the paper's."""

from kidney_tumor import cli, files, tables
from kidney_tumor.figures.ratios import plot_ratios


def main(arguments: cli.Arguments) -> None:
    components = tables.read_tables([arguments.components], "ratio")
    accepted = files.read_json(arguments.ratio_range, "low", "high", "percentiles")
    claims = tables.read_tables([arguments.paper], "claim", "paper").set_index("claim")["paper"]
    paper = float(claims["accepted ratio, low"]), float(claims["accepted ratio, high"])
    ratios = (accepted["low"], accepted["high"]) if accepted["percentiles"] else None
    plot_ratios(components, ratios, paper, arguments.source == "phantom", arguments.output)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, output="histogram, .png")
    cli.add_shared(parser, "components", "ratio-range", "source")
    cli.add_file(parser, "paper", "the paper's claims, paper_claims.tsv")
    cli.run(main, parser)
