"""Draw Figure 2, the levels of a trained network."""

from kidney_tumor import cli
from kidney_tumor.data.slices import crop_to_view
from kidney_tumor.figures.network import plot_network
from kidney_tumor.networks import models
from kidney_tumor.networks.device import Device
from kidney_tumor.networks.unet import trace_features

import numpy as np
import torch


@cli.run_main(output="figure, .png")
@cli.take_file("model", "model that train.py wrote, .pt")
@cli.take_option("target", choices=("kidney", "tumor"), required=True, help="target of the model")
def main(arguments: cli.Arguments) -> None:
    model = models.load_model(arguments.model, arguments.target, Device(torch.device("cpu")))
    blank = np.zeros((1, model.size, model.size))
    rows = crop_to_view(blank, model.target, model.tumor_rows).shape[1]
    count = sum(weights.numel() for weights in model.network.parameters())
    title = f"{arguments.target} network: {count:,} weights"
    plot_network(title, trace_features(model.network, rows, model.size), arguments.output)
