"""Measure the association of each tumor measure with each clinical outcome, in a table and a figure."""

from kidney_tumor import cli, tables
from kidney_tumor.figures.outcomes import plot_outcomes
from kidney_tumor.patients.associations import tabulate_outcomes


@cli.run_main("statistics.seed", "measures", "record", "source", output="table of associations, .tsv")
@cli.take_file("figure", "associations at a glance, .png")
def main(arguments: cli.Arguments) -> None:
    record = tables.read_tables([arguments.record], "case", "radiographic_mm").set_index("case")
    cases = tables.read_tables([arguments.measures], "case", "tumor_axial_mm").set_index("case").join(record)
    outcomes = tabulate_outcomes(cases, arguments.seed)
    tables.write_table(arguments.output, outcomes.assign(source=arguments.source), digits="%.6g")
    plot_outcomes(outcomes, len(cases), arguments.source == "phantom", arguments.figure)
