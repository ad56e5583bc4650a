"""Join the measures of all scans into one table, with the reason for each scan that could not be segmented."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.morphometry import MEASURES

import pandas as pd

TEXTS = ("faults", "warnings", "networks")


@cli.run_main(output="table with a row for each scan, .tsv")
@cli.take_file("scans", "table of scans and problems, .tsv")
@cli.take_file("measures", "tables of the segmented scans, .tsv", nargs="*", default=[], required=False)
def main(arguments: cli.Arguments) -> None:
    table = tables.read_tables([arguments.scans], "scan", "problem", texts=["scan", "problem"])
    measured = pd.DataFrame(columns=["scan", *MEASURES, *TEXTS])
    if arguments.measures:
        measured = tables.read_tables(arguments.measures, *measured.columns, texts=["scan", *TEXTS])
    joined = table.merge(measured, on="scan", how="left")
    order = ["scan", *MEASURES, "faults", "warnings", "problem", "networks"]
    tables.write_table(arguments.output, joined[order], undefined="")
