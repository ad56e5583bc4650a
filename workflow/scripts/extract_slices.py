"""Resize every slice of a case and its labels, and store them for training and prediction."""

import kidney_tumor.interrupt  # noqa: F401

from kidney_tumor import cli
from kidney_tumor.data.slices import extract


def main(arguments: cli.Arguments) -> None:
    extract(arguments.image, arguments.label, arguments.size, arguments.output)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, output="folder for images.npy, labels.npy, slices.json")
    cli.add_shared(parser, "image", "label")
    parser.add_argument("--size", type=int, default=256, help="rows and columns of an extracted slice in pixels")
    cli.run(main, parser)
