"""Plot the loss and learning rate of a training, epoch by epoch."""

from kidney_tumor import cli, files
from kidney_tumor.figures.training import plot_training


def main(arguments: cli.Arguments) -> None:
    plot_training(files.read_json(arguments.record, "history", "target"), arguments.output)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, output="figure, whose suffix gives the format")
    cli.add_file(parser, "record", "record that train.py wrote beside the model, .json")
    cli.run(main, parser)
