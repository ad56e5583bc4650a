"""Write a page on which a case is looked at in a browser: image, labels before and after post-processing, truth."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli, files, tables
from kidney_tumor.analysis.morphometry import MEASURES, describe_measures
from kidney_tumor.data.places import check_places
from kidney_tumor.report.viewer import Layer, make_page
from kidney_tumor.scans.plausibility import SEPARATOR
from kidney_tumor.volumes.masks import read_label_masks, read_mask

TEMPLATE = Path(__file__).parents[1] / "resources" / "viewer.html"


def read_notes(path: Path) -> list[str]:
    """Read what a scan measures, and each warning about it, from the table of `measure_scan.py`."""
    row = tables.read_tables([path], *MEASURES, "warnings", texts=["warnings"]).iloc[0]
    warnings = filter(None, row["warnings"].split(SEPARATOR))
    return [f"Measured: {describe_measures(row)}.", *(f"Warning: {warning}" for warning in warnings)]


def main(arguments: argparse.Namespace) -> None:
    masks = (arguments.kidney, arguments.tumor, arguments.segmentation, arguments.label)
    geometry = check_places(arguments.image, *filter(None, masks))
    before = read_mask(arguments.kidney), read_mask(arguments.tumor)
    layers = [
        Layer("before", "Before post-processing", *before),
        Layer("after", "After post-processing", *read_label_masks(arguments.segmentation), visible=True),
    ]
    if arguments.label:
        layers.insert(0, Layer("truth", "Truth", *read_label_masks(arguments.label)))
    page = make_page(
        arguments.name,
        arguments.image,
        geometry,
        layers,
        tuple(arguments.hu_window),
        arguments.notes + (read_notes(arguments.measures) if arguments.measures else []),
        arguments.template.read_text(encoding="utf-8"),
    )
    with files.write_atomically(arguments.output) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "slices.hu_window")
    parser.add_argument("--name", required=True, help="name of the case or scan, any text")
    parser.add_argument("--image", type=Path, required=True, help="CT volume, .nii.gz")
    parser.add_argument("--kidney", type=Path, required=True, help="raw mask of kidney + tumor, .nii.gz")
    parser.add_argument("--tumor", type=Path, required=True, help="raw mask of the tumor, .nii.gz")
    parser.add_argument("--segmentation", type=Path, required=True, help="post-processed segmentation, .nii.gz")
    parser.add_argument("--label", type=Path, help="true labels, .nii.gz; without them, truth is left out")
    parser.add_argument("--notes", nargs="*", default=[], help="lines of text to show above the picture")
    parser.add_argument("--measures", type=Path, help="measures of a scan, shown with its warnings, .tsv")
    parser.add_argument("--template", type=Path, default=TEMPLATE, help="the page's HTML")
    parser.add_argument("--output", type=Path, required=True, help="page to write, .html")
    cli.run(main, parser)
