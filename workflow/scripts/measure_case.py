"""Measure kidneys and tumors of a case in mL and mm: true, before and after post-processing."""

import kits.interrupt  # noqa: F401

import argparse
from pathlib import Path

import pandas as pd

from kits import cli, tables
from kits.analysis.morphometry import measure_masks
from kits.data.nifti import read_geometry
from kits.filter.masks import read_label_masks, read_mask


def main(arguments: argparse.Namespace) -> None:
    spacing = read_geometry(arguments.segmentation).spacing  # the image's, in which predictions lie
    masks = {
        "truth": read_label_masks(arguments.label),
        "before": (read_mask(arguments.kidney), read_mask(arguments.tumor)),
        "after": read_label_masks(arguments.segmentation),
    }
    rows = [
        {"case": arguments.case, "stage": stage, **measure_masks(kidney, tumor, spacing)}
        for stage, (kidney, tumor) in masks.items()
    ]
    tables.write_table(arguments.output, pd.DataFrame(rows))


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--case", required=True, help="its name, for the table")
    parser.add_argument("--label", type=Path, required=True, help="true labels, .nii.gz")
    parser.add_argument("--kidney", type=Path, required=True, help="raw kidney + tumor mask, .nii.gz")
    parser.add_argument("--tumor", type=Path, required=True, help="raw tumor mask, .nii.gz")
    parser.add_argument("--segmentation", type=Path, required=True, help="post-processed labels; its spacing counts")
    parser.add_argument("--output", type=Path, required=True, help="a row for truth, before and after, .tsv")
    cli.run(main, parser)
