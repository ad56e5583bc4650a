"""Draw the distribution of the labeled tumors' eigenvalue ratios, with the accepted range and the paper's."""

from kidney_tumor import cli, files, tables
from kidney_tumor.figures.ratios import plot_ratios


@cli.run_main("components", "ratio-range", "source", output="histogram, .png")
@cli.take_file("paper", "the paper's claims, paper_claims.tsv")
def main(arguments: cli.Arguments) -> None:
    accepted = files.read_json(arguments.ratio_range, "low", "high", "unit")
    unit = accepted["unit"]
    components = tables.read_tables([arguments.components], f"ratio_{unit}")
    claims = tables.read_tables([arguments.paper], "claim", "paper").set_index("claim")["paper"]
    paper = float(claims["accepted ratio, low"]), float(claims["accepted ratio, high"])
    ratios = (accepted["low"], accepted["high"]) if accepted["low"] is not None else None
    phantom = arguments.source == "phantom"
    plot_ratios(components[f"ratio_{unit}"], unit, ratios, paper, phantom, arguments.output)
