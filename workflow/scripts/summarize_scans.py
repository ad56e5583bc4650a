"""Join the measures of all scans into one table, with the reason for each scan that could not be segmented."""

from kidney_tumor import cli, rows
from kidney_tumor.data.measures import SCAN_MEASURES

TEXTS = ("faults", "warnings", "networks")


@cli.run_main(output="table with a row for each scan, .tsv")
@cli.take_file("scans", "table of scans and problems, .tsv")
@cli.take_file("measures", "tables of the segmented scans, .tsv", nargs="*", default=[], required=False)
def main(arguments: cli.Arguments) -> None:
    measured = {}
    for path in arguments.measures:
        for row in rows.read_rows(path, "scan", *SCAN_MEASURES, *TEXTS):
            measured[row["scan"]] = {name: "" if value == "nan" else value for name, value in row.items()}
    columns = ["scan", *SCAN_MEASURES, "faults", "warnings", "problem", "networks"]
    empty = dict.fromkeys(columns, "")
    scans = rows.read_rows(arguments.scans, "scan", "problem")
    rows.write_rows(arguments.output, [empty | measured.get(scan["scan"], {}) | scan for scan in scans], columns)
