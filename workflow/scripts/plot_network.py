"""Draw Figure 2, the levels of a trained network."""

from dataclasses import asdict

from kidney_tumor import cli
from kidney_tumor.data.slices import crop_to_view
from kidney_tumor.figures.network import plot_network
from kidney_tumor.networks import models
from kidney_tumor.networks.unet import UNet, trace_features

import numpy as np


@cli.run_main(output="figure, .png")
@cli.take_file("model", "model that train.py wrote, .safetensors")
@cli.take_option("target", choices=("kidney", "tumor"), required=True, help="target of the model")
def main(arguments: cli.Arguments) -> None:
    model = models.load_model(arguments.model, arguments.target)
    network, view = UNet(**asdict(model.architecture)), model.view
    blank = np.zeros((1, view.size, view.size))
    rows = crop_to_view(blank, view.target, view.tumor_rows).shape[1]
    count = sum(weights.numel() for weights in network.parameters())
    title = f"{arguments.target} network: {count:,} weights"
    plot_network(title, trace_features(network, rows, view.size), arguments.output)
