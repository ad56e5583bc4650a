"""Measure the association of each tumor measure with each clinical outcome, in a table and a figure."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.outcomes import tabulate_outcomes
from kidney_tumor.figures.outcomes import plot_outcomes


def main(arguments: cli.Arguments) -> None:
    record = tables.read_tables([arguments.record], "case", "radiographic_mm").set_index("case")
    cases = tables.read_tables(arguments.measures, "case", "tumor_axial_mm").set_index("case").join(record)
    outcomes = tabulate_outcomes(cases, arguments.seed)
    tables.write_table(arguments.output, outcomes.assign(source=arguments.source), digits="%.6g")
    plot_outcomes(outcomes, len(cases), arguments.source == "phantom", arguments.figure)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "statistics.seed", output="table of associations, .tsv")
    cli.add_shared(parser, "measures", "record", "source")
    cli.add_file(parser, "figure", "associations at a glance, .png")
    cli.run(main, parser)
