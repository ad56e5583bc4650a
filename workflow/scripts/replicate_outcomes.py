"""Put the associations of other cohorts beside those of this one."""

from kidney_tumor import cli, tables
from kidney_tumor.patients.replication import describe_replication, replicate_outcomes

import pandas as pd


@cli.run_main("statistics.seed", output="table of associations in both cohorts, .tsv")
@cli.take_file("outcomes", "table of summarize_outcomes.py")
@cli.take_file("patients", "tables of measure_patients.py, one for each other cohort", nargs="+")
@cli.take_option("names", nargs="+", required=True, help="names of the other cohorts, in the order of the tables")
def main(arguments: cli.Arguments) -> None:
    first = tables.read_tables([arguments.outcomes], "outcome", "q")
    found = []
    for name, path in zip(arguments.names, arguments.patients, strict=True):
        patients = tables.read_tables([path], "case", "tumor_axial_mm", "radiographic_mm", texts=["case"])
        found.append(replicate_outcomes(first, patients, arguments.seed))
        found[-1].insert(0, "cohort", name)
        print(describe_replication(name, found[-1]))
    tables.write_table(arguments.output, pd.concat(found), digits="%.6g")
