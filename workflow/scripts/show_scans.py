"""Print what was segmented and what to distrust; fail, with a line for each, if some scans could not be segmented."""

from kidney_tumor import cli, errors, tables
from kidney_tumor.analysis.morphometry import MEASURES, describe_measures
from kidney_tumor.scans.plausibility import SEPARATOR


@cli.run_main()
@cli.take_file("scans", "table of all scans, scans.tsv")
def main(arguments: cli.Arguments) -> None:
    texts = ("scan", "faults", "warnings", "problem")
    table = tables.read_tables([arguments.scans], *MEASURES, *texts, texts=texts)
    good, refused = table[table["problem"] == ""], table[table["problem"] != ""]
    for _, row in good.iterrows():
        page = arguments.scans.parent / "scans" / row["scan"] / "view.html"
        unusable = f"not usable: {row['faults'].replace(SEPARATOR, '; ')}; " if row["faults"] else ""
        print(f"{row['scan']}: {unusable}{describe_measures(row)}; {page}")
        for warning in filter(None, row["warnings"].split(SEPARATOR)):
            print(f"warning: {row['scan']}: {warning}")
    overview = arguments.scans.with_suffix(".html")
    print(f"{len(good)} of {len(table)} scans segmented; table: {arguments.scans}; look at all: {overview}")
    if len(refused):
        raise errors.UserError("\n".join(f"{row['scan']}: {row['problem']}" for _, row in refused.iterrows()))
