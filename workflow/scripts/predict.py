"""Segment every slice of some cases with both networks, and write two masks of the input volume's size."""

import kits.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kits import cli
from kits.data.cohort import parse_name
from kits.data.nifti import write_volume
from kits.data.slices import open_slices, restore
from kits.data.targets import NETWORKS
from kits.networks import models
from kits.networks.device import add_device_options, choose_device


def main(arguments: argparse.Namespace) -> None:
    device = choose_device(arguments)
    paths = (arguments.kidney_model, arguments.tumor_model)
    networks = [models.load_model(path, target, device) for path, target in zip(paths, NETWORKS, strict=True)]
    for case in arguments.cases:
        stored = open_slices(arguments.slices / case)
        for path, model in zip(paths, networks, strict=True):
            if model.size != stored.images.shape[2]:
                raise cli.UserError(
                    f"{path} was trained on slices of {model.size} pixels, "
                    f"{arguments.slices / case} holds {stored.images.shape[2]}; extract or train again"
                )
        masks = models.predict_slices(networks, stored.images, device, arguments.batch_size, arguments.threshold)
        for target, mask in zip(NETWORKS, masks, strict=True):
            whole = restore(mask, stored.images.shape[2], stored.geometry.shape)
            write_volume(arguments.output / case / f"{target}.nii.gz", whole, stored.geometry.stored_affine)
        print(f"{case}: {len(stored.images)} slices, on {device.name}", flush=True)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--slices", type=Path, required=True, help="extracted slices, a folder per case")
    parser.add_argument("--cases", type=parse_name, nargs="+", required=True, help="names of cases or scans")
    parser.add_argument("--kidney-model", type=Path, required=True, help="kidney model, .pt")
    parser.add_argument("--tumor-model", type=Path, required=True, help="tumor model, .pt")
    parser.add_argument("--output", type=Path, required=True, help="folder for <case>/kidney.nii.gz and tumor.nii.gz")
    parser.add_argument("--batch-size", type=int, default=16, help="number of slices to segment at a time")
    parser.add_argument("--threshold", type=float, default=0.5, help="sigmoid output above which a pixel is foreground")
    add_device_options(parser)
    cli.run(main, parser)
