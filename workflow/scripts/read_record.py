"""Check a cohort's clinical record, and write the tumors' stated sizes and the outcomes of its cases as a table."""

from kidney_tumor import cli, tables
from kidney_tumor.data import remedies
from kidney_tumor.data.record import read_record
from kidney_tumor.volumes.nifti import read_geometry


@cli.run_main("root", "cases", output="table with a row for each case, .tsv")
@cli.take_file("record", "clinical record, kits.json")
def main(arguments: cli.Arguments) -> None:
    labels = [arguments.root / case / "segmentation.nii.gz" for case in arguments.cases]
    found = remedies.collect(lambda path=path: read_geometry(path) for path in labels)
    geometries = dict(zip(arguments.cases, found, strict=True))
    record = read_record(arguments.record, geometries)
    tables.write_table(arguments.output, record)
    missing = record.drop(columns="case").isna().sum()
    lacking = [f"{column} in {count}" for column, count in missing[missing > 0].items()]
    print(f"sizes and outcomes of {len(record)} cases; missing: {', '.join(lacking) or 'none'}")
