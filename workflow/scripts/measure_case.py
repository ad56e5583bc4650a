"""Measure the kidneys and tumors of a segmented case: the true ones, and those before and after post-processing."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

import pandas as pd

from kidney_tumor import cli, tables
from kidney_tumor.analysis.morphometry import measure_masks
from kidney_tumor.data.places import check_places
from kidney_tumor.volumes.masks import read_label_masks, read_mask


def main(arguments: argparse.Namespace) -> None:
    spacing = check_places(arguments.segmentation, arguments.label, arguments.kidney, arguments.tumor).spacing
    masks = {
        "truth": read_label_masks(arguments.label),
        "before": (read_mask(arguments.kidney), read_mask(arguments.tumor)),
        "after": read_label_masks(arguments.segmentation),
    }
    rows = [
        {"case": arguments.case, "stage": stage, **measure_masks(*pair, spacing, arguments.min_component_voxels)[0]}
        for stage, pair in masks.items()
    ]
    tables.write_table(arguments.output, pd.DataFrame(rows))


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "postprocess.min_component_voxels")
    parser.add_argument("--case", required=True, help="name of the case")
    parser.add_argument("--label", type=Path, required=True, help="label volume, .nii.gz")
    parser.add_argument("--kidney", type=Path, required=True, help="raw mask of kidney + tumor, .nii.gz")
    parser.add_argument("--tumor", type=Path, required=True, help="raw mask of the tumor, .nii.gz")
    parser.add_argument("--segmentation", type=Path, required=True, help="post-processed segmentation, .nii.gz")
    parser.add_argument("--output", type=Path, required=True, help="table with a row for truth, before and after, .tsv")
    cli.run(main, parser)
