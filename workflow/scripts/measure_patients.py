"""Measure the kidneys and tumors of another cohort's patients, and read their outcomes from its clinical record."""

from kidney_tumor import cli, tables
from kidney_tumor.patients.cohort import measure_patients


@cli.run_main("postprocess.min_component_voxels", output="table with a row for each patient, .tsv")
@cli.take_file("labels", "label volume of each case", nargs="+")
@cli.take_option("cases", nargs="+", required=True, help="names of the cases, in the order of the labels")
@cli.take_file("record", "clinical record, kits.json")
@cli.take_option("kidney-values", type=int, nargs="*", help="labels that mean kidney; all others are nothing")
@cli.take_option("tumor-values", type=int, nargs="*", help="labels that mean tumor, with --kidney-values")
@cli.take_option("threads", type=int, default=1, help="number of label volumes to measure at once")
def main(arguments: cli.Arguments) -> None:
    values = {"kidney": arguments.kidney_values, "tumor": arguments.tumor_values} if arguments.tumor_values else None
    labels = dict(zip(arguments.cases, arguments.labels, strict=True))
    patients = measure_patients(labels, arguments.record, values, arguments.min_component_voxels, arguments.threads)
    tables.write_table(arguments.output, patients, digits="%.9g")
