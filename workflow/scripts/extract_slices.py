"""Resize every slice of a case and its labels, and store them for training and prediction."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli
from kidney_tumor.data.slices import extract


def main(arguments: argparse.Namespace) -> None:
    extract(arguments.image, arguments.label, arguments.size, arguments.output)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "slices.size")
    parser.add_argument("--image", type=Path, required=True, help="the case's imaging.nii.gz")
    parser.add_argument("--label", type=Path, required=True, help="the case's segmentation.nii.gz")
    parser.add_argument("--output", type=Path, required=True, help="folder for images.npy, labels.npy, slices.json")
    cli.run(main, parser)
