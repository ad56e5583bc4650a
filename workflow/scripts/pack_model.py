"""Write the manifest of trained networks: checksums, and on what they were trained; and put the range beside them."""

import shutil

from kidney_tumor import cli, files, tables
from kidney_tumor.data.descriptions import read_description
from kidney_tumor.data.slices import get_geometry
from kidney_tumor.scans import manifest
from kidney_tumor.scans.plausibility import describe_cohort, describe_scan


@cli.run_main("measures", "ratio-range", "source", output="manifest, model.json, beside the two networks")
@cli.take_file("slices", "descriptions of the training cases' slices, slices.json", nargs="+")
def main(arguments: cli.Arguments) -> None:
    folder = arguments.output.parent
    scans = [read_description(path.parent) for path in arguments.slices]
    trained_on = {path.parent.name for path in arguments.slices}
    measures = tables.read_tables([arguments.measures], "case", "kidney_ml")
    measures = measures[measures["case"].isin(trained_on)]
    trained = files.read_json(folder / "tumor.json", "hu_window", "tumor_rows", "commit")
    with files.write_atomically(folder / "ratio_range.json") as temporary:
        shutil.copyfile(arguments.ratio_range, temporary)
    content = {
        "format": manifest.FORMAT,
        "commit": trained["commit"],
        "source": arguments.source,
        "size": scans[0]["size"],
        "hu_window": trained["hu_window"],
        "tumor_rows": trained["tumor_rows"],
        "cohort": describe_cohort(
            (describe_scan(get_geometry(scan), scan["hu"]) for scan in scans), measures["kidney_ml"].tolist()
        ),
        "sha256": manifest.compute_checksums([folder / name for name in manifest.FILES]),
    }
    files.write_json(arguments.output, content)
