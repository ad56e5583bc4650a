"""Resize every slice of a case and its labels, and store them for training and prediction."""

from kidney_tumor import cli
from kidney_tumor.data.slices import extract


def main(arguments: cli.Arguments) -> None:
    extract(arguments.image, arguments.label, arguments.size, arguments.output)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "slices.size", output="folder for images.npy, labels.npy, slices.json")
    cli.add_shared(parser, "image", "label")
    cli.run(main, parser)
