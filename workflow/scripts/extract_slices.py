"""Resize every slice of a case and its labels, and store them for training and prediction."""

from kidney_tumor import cli
from kidney_tumor.data.slices import extract


@cli.run_main("slices.size", "image", "label", output="folder for images.npy, labels.npy, slices.json")
def main(arguments: cli.Arguments) -> None:
    extract(arguments.image, arguments.label, arguments.size, arguments.output)
