"""Make a dataset of nnU-Net v2 from a cohort, by links but for volumes that it would not take their images."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli
from kidney_tumor.data import cohort
from kidney_tumor.data.nnunet import link_cases


def main(arguments: argparse.Namespace) -> None:
    rewritten = link_cases(arguments.root, arguments.cases, arguments.output, arguments.description)
    changed = f"{rewritten} volumes written anew, which nnU-Net would not take"
    print(f"{len(arguments.cases)} cases in {arguments.output}; {changed}")


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of the cohort")
    parser.add_argument("--cases", type=cohort.parse_case, nargs="+", required=True, help="names of cases, case_XXXXX")
    parser.add_argument("--description", default="", help="what the cases are, for dataset.json")
    parser.add_argument("--output", type=Path, required=True, help="folder of the dataset, DatasetXXX_Name")
    cli.run(main, parser)
