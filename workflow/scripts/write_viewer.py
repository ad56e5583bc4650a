"""Write a page on which a case is looked at in a browser: image, labels before and after post-processing, truth."""

import kidney_tumor.interrupt  # noqa: F401

from pathlib import Path

from kidney_tumor import cli, files, tables
from kidney_tumor.analysis.morphometry import MEASURES, describe_measures
from kidney_tumor.data.stages import read_stages
from kidney_tumor.report.viewer import Layer, make_page
from kidney_tumor.scans.plausibility import SEPARATOR

TITLES = {"truth": "Truth", "before": "Before post-processing", "after": "After post-processing"}


def read_notes(path: Path) -> list[str]:
    """Read what a scan measures, and each warning about it, from the table of `measure_scan.py`."""
    row = tables.read_tables([path], *MEASURES, "warnings", texts=["warnings"]).iloc[0]
    warnings = filter(None, row["warnings"].split(SEPARATOR))
    return [f"Measured: {describe_measures(row)}.", *(f"Warning: {warning}" for warning in warnings)]


def main(arguments: cli.Arguments) -> None:
    stages, geometry = read_stages(
        arguments.kidney, arguments.tumor, arguments.segmentation, arguments.label, arguments.image
    )
    layers = [Layer(stage, TITLES[stage], *masks, visible=stage == "after") for stage, masks in stages.items()]
    page = make_page(
        arguments.name,
        arguments.image,
        geometry,
        layers,
        tuple(arguments.hu_window),
        arguments.notes + (read_notes(arguments.measures) if arguments.measures else []),
        arguments.template,
    )
    files.write_text(arguments.output, page)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "slices.hu_window", output="page to write, .html")
    cli.add_shared(parser, "image", "kidney", "tumor", "segmentation")
    parser.add_argument("--name", required=True, help="name of the case or scan, any text")
    cli.add_file(parser, "label", "true labels, .nii.gz; without them, truth is left out", required=False)
    parser.add_argument("--notes", nargs="*", default=[], help="lines of text to show above the picture")
    cli.add_file(parser, "measures", "measures of a scan, shown with its warnings, .tsv", required=False)
    cli.add_file(parser, "template", "the page's template, viewer.html")
    cli.run(main, parser)
