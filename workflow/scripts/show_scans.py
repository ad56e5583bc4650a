"""Print what was segmented and what to distrust; fail, with a line for each, if some scans could not be segmented."""

from kidney_tumor import cli, errors
from kidney_tumor.scans.table import PAGE, describe_row, find_common_warnings, read_scans, split_text


@cli.run_main()
@cli.take_file("scans", "table of all scans, scans.tsv")
def main(arguments: cli.Arguments) -> None:
    table = read_scans(arguments.scans)
    good, refused = [row for row in table if not row["problem"]], [row for row in table if row["problem"]]
    folder, common = arguments.scans.parent / "scans", find_common_warnings(table)
    for row in good:
        page = folder / row["scan"] / PAGE
        unusable = f"not usable: {'; '.join(split_text(row['faults']))}; " if row["faults"] else ""
        print(f"{row['scan']}: {unusable}{describe_row(row)}; {page}")
        for warning in split_text(row["warnings"]):
            if warning not in common:
                print(f"warning: {row['scan']}: {warning}")
    for warning in common:
        print(f"warning: all {len(good)} scans: {warning}")
    if left := sorted({page.parent.name for page in folder.glob(f"*/{PAGE}")} - {row["scan"] for row in table}):
        print(f"warning: the table and the page show the scans of this command only, and so not {', '.join(left)}")
    overview = arguments.scans.with_suffix(".html")
    print(f"{len(good)} of {len(table)} scans segmented; table: {arguments.scans}; look at all: {overview}")
    if len(refused):
        raise errors.UserError("\n".join(f"{row['scan']}: {row['problem']}" for row in refused))
