"""Score a case: compute the Dice of kidney + tumor and of tumor, before and after post-processing."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli, tables
from kidney_tumor.analysis.scoring import score_case
from kidney_tumor.data.places import check_places
from kidney_tumor.volumes.masks import read_label_masks, read_mask


def main(arguments: argparse.Namespace) -> None:
    check_places(arguments.label, arguments.kidney, arguments.tumor, arguments.segmentation)
    truth, after = read_label_masks(arguments.label), read_label_masks(arguments.segmentation)
    before = read_mask(arguments.kidney), read_mask(arguments.tumor)
    tables.write_table(arguments.output, score_case(arguments.case, truth, before, after))


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--case", required=True, help="name of the case")
    parser.add_argument("--label", type=Path, required=True, help="label volume, .nii.gz")
    parser.add_argument("--kidney", type=Path, required=True, help="raw mask of kidney + tumor, .nii.gz")
    parser.add_argument("--tumor", type=Path, required=True, help="raw mask of the tumor, .nii.gz")
    parser.add_argument("--segmentation", type=Path, required=True, help="post-processed segmentation, .nii.gz")
    parser.add_argument("--output", type=Path, required=True, help="table with a row for each stage and target, .tsv")
    cli.run(main, parser)
