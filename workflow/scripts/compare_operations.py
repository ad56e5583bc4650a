"""Compare the association of the tumor's size with each outcome between partial and radical nephrectomy."""

from kidney_tumor import cli, tables
from kidney_tumor.patients.replication import compare_operations, describe_operations


@cli.run_main("statistics.seed", "measures", "record", "source", output="table of associations, .tsv")
def main(arguments: cli.Arguments) -> None:
    record = tables.read_tables([arguments.record], "case", "radiographic_mm").set_index("case")
    cases = tables.read_tables([arguments.measures], "case", "tumor_axial_mm").set_index("case").join(record)
    operations = compare_operations(cases, arguments.seed)
    tables.write_table(arguments.output, operations.assign(source=arguments.source), digits="%.6g")
    for line in describe_operations(operations):
        print(line)
