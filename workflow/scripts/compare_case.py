"""Score a test case as one method segments it: Dice, surface Dice and error of the volume."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

import pandas as pd

from kidney_tumor import cli, tables
from kidney_tumor.analysis.method_scores import COLUMNS, list_targets, score_files
from kidney_tumor.data.nifti import check_places
from kidney_tumor.filter.masks import read_label_masks


def main(arguments: argparse.Namespace) -> None:
    names = arguments.method, arguments.case
    values = None
    if arguments.kidney_values is not None:
        values = {"kidney": arguments.kidney_values, "tumor": arguments.tumor_values}
    if arguments.problem:
        rows = [(*names, target, arguments.problem) for target in list_targets(values)]
        table = pd.DataFrame(rows, columns=["method", "case", "target", "problem"]).reindex(columns=COLUMNS)
        table["file"] = ""
    else:
        check_places(arguments.image, arguments.label)
        truth = read_label_masks(arguments.label)
        table = score_files(*names, truth, arguments.image, arguments.segmentations, values)
    tables.write_table(arguments.output, table)
    for problem in table["problem"].loc[table["problem"] != ""].unique():
        print(f"warning: {arguments.method}: {arguments.case} is left out: {problem}")


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--method", required=True, help="name of the method")
    parser.add_argument("--case", required=True, help="name of the case")
    parser.add_argument("--label", type=Path, required=True, help="true label volume, .nii.gz")
    parser.add_argument("--image", type=Path, required=True, help="image, whose grid and spacing count, .nii.gz")
    parser.add_argument(
        "--segmentations", type=Path, nargs="*", default=[], help="the method's label volumes, one for each split"
    )
    parser.add_argument("--problem", default="", help="why there is no label volume")
    parser.add_argument("--kidney-values", type=int, nargs="*", help="labels that mean kidney; all others are nothing")
    parser.add_argument("--tumor-values", type=int, nargs="*", help="labels that mean tumor, with --kidney-values")
    parser.add_argument("--output", type=Path, required=True, help="table with a row for each file and target, .tsv")
    cli.run(main, parser)
