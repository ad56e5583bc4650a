"""Draw a case's slice with most tumor: image, truth, before and after post-processing."""

import argparse
from pathlib import Path

import numpy as np

from kits import cli
from kits.figures.cases import plot_slice
from kits.nifti import TUMOR, read_geometry, read_label, read_mask
from kits.slices import open_slices, resize


def main(arguments: argparse.Namespace) -> None:
    stored = open_slices(arguments.slices)
    size = stored.images.shape[2]
    kidney, tumor = (resize(read_mask(path), size, size) for path in (arguments.kidney, arguments.tumor))
    labels = {
        "truth": stored.labels,
        "before": np.where(tumor, TUMOR, kidney).astype(np.uint8),
        "after": resize(read_label(arguments.segmentation), size, size),
    }
    geometry = read_geometry(arguments.segmentation)
    height, width = np.array(geometry.shape[1:]) * geometry.spacing[1:]
    plot_slice(arguments.slices.name, stored.images, labels, arguments.hu_window, height / width, arguments.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--slices", type=Path, required=True, help="folder of the case's extracted slices")
    parser.add_argument("--kidney", type=Path, required=True, help="raw kidney + tumor mask, .nii.gz")
    parser.add_argument("--tumor", type=Path, required=True, help="raw tumor mask, .nii.gz")
    parser.add_argument("--segmentation", type=Path, required=True, help="post-processed labels, .nii.gz")
    parser.add_argument("--hu-window", type=float, nargs=2, default=(-79, 304), help="black and white, HU")
    parser.add_argument("--output", type=Path, required=True, help="figure, .png")
    cli.run(main, parser)
