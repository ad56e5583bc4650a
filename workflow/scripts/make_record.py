"""Draw the clinical record of a phantom cohort, kits.json, from the measures of its labels and noise."""

from kidney_tumor import cli, files, tables
from kidney_tumor.phantom.record import draw_record


@cli.run_main("phantom.seed", "measures", output="clinical record, kits.json")
def main(arguments: cli.Arguments) -> None:
    measures = tables.read_tables([arguments.measures], "case", "tumor_axial_mm")
    files.write_json(arguments.output, draw_record(measures, arguments.seed))
