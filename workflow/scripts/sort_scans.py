"""Sort scans into those that can be segmented and those that cannot, each with the reason."""

from pathlib import Path

from kidney_tumor import cli, errors, rows
from kidney_tumor.data.descriptions import read_description


def find_problem(folder: Path) -> str:
    """Return why the scan in a folder was refused; an empty text if it was not."""
    try:
        read_description(folder)
    except errors.UserError as error:
        return str(error)
    return ""


@cli.run_main(output="table of scans and problems, .tsv")
@cli.take_file("descriptions", "descriptions of the scans' slices, slices.json", nargs="*", default=[], required=False)
@cli.take_option("unusable", nargs="*", default=[], help="names of scans that cannot be used, with reasons")
def main(arguments: cli.Arguments) -> None:
    scans = [(path.parent.name, find_problem(path.parent)) for path in arguments.descriptions]
    scans += zip(arguments.unusable[::2], arguments.unusable[1::2], strict=True)
    columns = ("scan", "problem")
    rows.write_rows(arguments.output, [dict(zip(columns, scan, strict=True)) for scan in sorted(scans)], columns)
