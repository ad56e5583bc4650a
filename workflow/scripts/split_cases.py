"""Split the cases at random into training and test cases."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli, errors
from kidney_tumor.data import cohort
from kidney_tumor.data.split import split_cases, write_split


def main(arguments: argparse.Namespace) -> None:
    choices = vars(arguments)
    output, number = choices.pop("output"), choices.pop("number")
    splits = split_cases(**choices)
    if not 1 <= number <= len(splits):
        raise errors.UserError(f"--number {number}: there are {len(splits)} splits; count from 1, or raise --repeats")
    write_split(output, splits[number - 1])


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "split")
    parser.add_argument("--cases", type=cohort.parse_case, nargs="+", required=True, help="names of cases, case_XXXXX")
    parser.add_argument("--number", type=int, default=1, help="number of the split to write, from 1")
    parser.add_argument("--output", type=Path, required=True, help="table with the columns case and subset, .tsv")
    cli.run(main, parser)
