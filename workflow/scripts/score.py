"""Score a case: Dice of kidney + tumor and of tumor, before and after post-processing."""

import argparse
from pathlib import Path

from kits import cli, tables
from kits.runs import read_mask_runs, read_tumor_runs
from kits.scoring import score


def main(arguments: argparse.Namespace) -> None:
    paths = (arguments.label, arguments.kidney, arguments.tumor, arguments.segmentation)
    label, kidney, tumor, segmentation = map(read_mask_runs, paths)
    for path, runs in zip(paths, (label, kidney, tumor, segmentation), strict=True):
        if runs.shape != label.shape:
            raise cli.UserError(
                f"{path} has shape {runs.shape}, {arguments.label} has {label.shape}; give files of one case"
            )
    truth, after = (label, read_tumor_runs(arguments.label)), (segmentation, read_tumor_runs(arguments.segmentation))
    tables.write(arguments.output, score(arguments.case, truth, (kidney, tumor), after))


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--case", required=True, help="its name, for the table")
    parser.add_argument("--label", type=Path, required=True, help="true labels, .nii.gz")
    parser.add_argument("--kidney", type=Path, required=True, help="raw kidney + tumor mask, .nii.gz")
    parser.add_argument("--tumor", type=Path, required=True, help="raw tumor mask, .nii.gz")
    parser.add_argument("--segmentation", type=Path, required=True, help="post-processed labels, .nii.gz")
    parser.add_argument("--output", type=Path, required=True, help="a row for each stage and target, .tsv")
    cli.run(main, parser)
