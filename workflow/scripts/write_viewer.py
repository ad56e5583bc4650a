"""Write a page on which a case is looked at in a browser: image, labels before and after post-processing, truth."""

import os

from kidney_tumor import cli, files
from kidney_tumor.data.slices import load_stored
from kidney_tumor.data.stages import read_stages
from kidney_tumor.report.notes import read_notes
from kidney_tumor.report.thumbnail import draw_thumbnail
from kidney_tumor.report.viewer import Layer, make_page

from PIL import Image

TITLES = {"truth": "Truth", "before": "Before post-processing", "after": "After post-processing"}


@cli.run_main("slices.hu_window", "image", "kidney", "tumor", "segmentation", output="page to write, .html")
@cli.take_option("name", required=True, help="name of the case or scan, any text")
@cli.take_file("label", "true labels, .nii.gz; without them, truth is left out", required=False)
@cli.take_option("notes", nargs="*", default=[], help="lines of text to show above the picture")
@cli.take_file("measures", "measures of a scan, shown with its warnings, .tsv", required=False)
@cli.take_file("thumbnail", "small picture to write, .png, from the slices", required=False)
@cli.take_file("slices", "folder of the scan's extracted slices, for the small picture", required=False)
@cli.take_file("overview", "page of all scans, to which this one links", required=False)
@cli.take_file("template", "the page's template, viewer.html")
def main(arguments: cli.Arguments) -> None:
    stages, geometry = read_stages(
        arguments.kidney, arguments.tumor, arguments.segmentation, arguments.label, arguments.image
    )
    layers = [Layer(stage, TITLES[stage], *masks, visible=stage != "before") for stage, masks in stages.items()]
    page = make_page(
        arguments.name,
        arguments.image,
        geometry,
        layers,
        tuple(arguments.hu_window),
        arguments.notes + (read_notes(arguments.measures, stages, geometry.spacing) if arguments.measures else []),
        arguments.template,
        os.path.relpath(arguments.overview, arguments.output.parent) if arguments.overview else "",
    )
    files.write_text(arguments.output, page)
    if arguments.thumbnail:
        images = load_stored(arguments.slices, "images.npy")
        picture = draw_thumbnail(images, stages["after"], geometry, tuple(arguments.hu_window))
        with files.write_atomically(arguments.thumbnail) as temporary:
            Image.fromarray(picture).save(temporary, format="PNG")
