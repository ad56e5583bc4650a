"""Hold out test cases at random, case by case."""

import argparse
from pathlib import Path

from kits import cli
from kits.cohort import split_cases, write_split


def main(arguments: argparse.Namespace) -> None:
    subset = split_cases(arguments.cases, arguments.test_cases, arguments.test_fraction, arguments.seed)
    write_split(arguments.output, subset)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--cases", nargs="+", required=True, help="case names, case_XXXXX")
    parser.add_argument("--test-cases", type=int, help="how many to hold out; wins over --test-fraction")
    parser.add_argument("--test-fraction", type=float, default=0.1, help="share to hold out")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--output", type=Path, required=True, help="columns case and subset, .tsv")
    cli.run(main, parser)
