"""Draw the slice of a case with the most tumor: image, true labels, before and after post-processing."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli
from kidney_tumor.data.places import check_places
from kidney_tumor.data.slices import open_slices, resize
from kidney_tumor.figures.cases import plot_slice
from kidney_tumor.filter.postprocessing import merge
from kidney_tumor.volumes.labels import read_label
from kidney_tumor.volumes.masks import read_mask


def main(arguments: argparse.Namespace) -> None:
    stored = open_slices(arguments.slices)
    check_places(arguments.segmentation, arguments.kidney, arguments.tumor)
    size = stored.images.shape[2]
    labels = {
        "truth": stored.labels,
        "before post-processing": resize(merge(read_mask(arguments.kidney), read_mask(arguments.tumor)), size, size),
        "after post-processing": resize(read_label(arguments.segmentation), size, size),
    }
    window, rows = arguments.hu_window, arguments.tumor_rows
    plot_slice(arguments.slices.name, stored.images, labels, window, stored.geometry, arguments.output, rows)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "slices.hu_window", "slices.tumor_rows")
    parser.add_argument("--slices", type=Path, required=True, help="folder of the case's extracted slices")
    parser.add_argument("--kidney", type=Path, required=True, help="raw mask of kidney + tumor, .nii.gz")
    parser.add_argument("--tumor", type=Path, required=True, help="raw mask of the tumor, .nii.gz")
    parser.add_argument("--segmentation", type=Path, required=True, help="post-processed segmentation, .nii.gz")
    parser.add_argument("--output", type=Path, required=True, help="figure, .png")
    cli.run(main, parser)
