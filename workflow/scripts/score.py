"""Score a case: Dice of kidney + tumor and of tumor, before and after post-processing."""

import argparse
from pathlib import Path

from kits import cli, tables
from kits.nifti import read_label, read_mask
from kits.scoring import score


def main(arguments: argparse.Namespace) -> None:
    volumes = {
        "label": read_label(arguments.label),
        "kidney": read_mask(arguments.kidney),
        "tumor": read_mask(arguments.tumor),
        "segmentation": read_label(arguments.segmentation),
    }
    for name, volume in volumes.items():
        if volume.shape != volumes["label"].shape:
            raise cli.UserError(
                f"{getattr(arguments, name)} has shape {volume.shape}, "
                f"{arguments.label} has {volumes['label'].shape}; give files of one case"
            )
    tables.write(arguments.output, score(arguments.case, **volumes))


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--case", required=True, help="its name, for the table")
    parser.add_argument("--label", type=Path, required=True, help="true labels, .nii.gz")
    parser.add_argument("--kidney", type=Path, required=True, help="raw kidney + tumor mask, .nii.gz")
    parser.add_argument("--tumor", type=Path, required=True, help="raw tumor mask, .nii.gz")
    parser.add_argument("--segmentation", type=Path, required=True, help="post-processed labels, .nii.gz")
    parser.add_argument("--output", type=Path, required=True, help="a row for each stage and target, .tsv")
    cli.run(main, parser)
