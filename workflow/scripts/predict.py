"""Segment every slice of a case with both networks, into two masks of the input volume's size."""

import argparse
from pathlib import Path

from kits import cli, models
from kits.nifti import write_volume
from kits.slices import lower_half, open_slices, restore


def main(arguments: argparse.Namespace) -> None:
    device = models.choose_device(arguments.device, arguments.threads)
    case = open_slices(arguments.slices)
    for target, path, output, view in (
        ("kidney", arguments.kidney_model, arguments.kidney, case.images),
        ("tumor", arguments.tumor_model, arguments.tumor, lower_half(case.images)),
    ):
        model = models.load(path, target, device)
        if model.size != case.images.shape[2]:
            raise cli.UserError(
                f"{path} was trained on slices of {model.size} pixels, "
                f"{arguments.slices} holds {case.images.shape[2]}; extract or train again"
            )
        mask = models.predict(model, view, device, arguments.batch_size, arguments.threshold)
        write_volume(output, restore(mask, model.size, case.geometry.shape), case.geometry.affine)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--slices", type=Path, required=True, help="folder of the case's extracted slices")
    parser.add_argument("--kidney-model", type=Path, required=True, help="kidney.pt")
    parser.add_argument("--tumor-model", type=Path, required=True, help="tumor.pt")
    parser.add_argument("--kidney", type=Path, required=True, help="kidney + tumor mask to write, .nii.gz")
    parser.add_argument("--tumor", type=Path, required=True, help="tumor mask to write, .nii.gz")
    parser.add_argument("--batch-size", type=int, default=16, help="slices at a time")
    parser.add_argument("--threshold", type=float, default=0.5, help="foreground above this sigmoid output")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to run")
    parser.add_argument("--threads", type=int, default=models.available_threads(), help="CPU threads")
    cli.run(main, parser)
