"""Compare the tumors' measured sizes with those that radiologist and pathologist state, in tables and figures."""

from kidney_tumor import cli, tables
from kidney_tumor.data.arrays import read_arrays
from kidney_tumor.figures.agreement import plot_agreement, plot_outliers
from kidney_tumor.patients.agreement import find_outliers, tabulate_agreement

WORST = 3
"""The number of cases that are drawn."""


@cli.run_main("statistics.seed", "measures", "record", "source", output="table of agreement, .tsv")
@cli.take_file("slices", "slices of measure_labels.py, .npz")
@cli.take_file("output-cases", "table of cases outside the limits, .tsv")
@cli.take_file("figure", "Bland-Altman plots, .png")
@cli.take_file("figure-cases", "slices of the worst cases, .png")
def main(arguments: cli.Arguments) -> None:
    record = tables.read_tables([arguments.record], "case", "radiographic_mm").set_index("case")
    cases = tables.read_tables([arguments.measures], "case", "tumor_axial_mm").set_index("case").join(record)
    agreement = tabulate_agreement(cases, arguments.seed)
    outliers = find_outliers(cases, agreement)
    tables.write_table(arguments.output, agreement.assign(source=arguments.source))
    tables.write_table(arguments.output_cases, outliers.assign(source=arguments.source))
    phantom = arguments.source == "phantom"
    plot_agreement(cases, agreement, phantom, arguments.figure)
    axial = outliers[(outliers["measure"] == "tumor_axial_mm") & (outliers["reference"] == "radiographic_mm")]
    drawn = {case: read_arrays(arguments.slices, case) for case in axial["case"].head(WORST)}
    plot_outliers(axial, drawn, phantom, arguments.figure_cases)
