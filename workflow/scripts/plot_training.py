"""Plot the loss and learning rate of a training, epoch by epoch."""

from kidney_tumor import cli, files
from kidney_tumor.figures.training import plot_training


@cli.run_main(output="figure, whose suffix gives the format")
@cli.take_file("record", "record that train.py wrote beside the model, .json")
def main(arguments: cli.Arguments) -> None:
    plot_training(files.read_json(arguments.record, "history", "target"), arguments.output)
