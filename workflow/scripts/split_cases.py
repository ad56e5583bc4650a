"""Split the cases at random into training and test cases."""

import kidney_tumor.interrupt  # noqa: F401

from kidney_tumor import cli, errors
from kidney_tumor.data.split import split_cases, write_split


def main(arguments: cli.Arguments) -> None:
    choices = vars(arguments)
    output, number = choices.pop("output"), choices.pop("number")
    splits = split_cases(**choices)
    if not 1 <= number <= len(splits):
        raise errors.UserError(f"--number {number}: there are {len(splits)} splits; count from 1, or raise --repeats")
    write_split(output, splits[number - 1])


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, output="table with the columns case and subset, .tsv")
    cli.add_shared(parser, "cases")
    parser.add_argument("--scheme", choices=("holdout", "kfold"), default="holdout", help="random test cases, or folds")
    parser.add_argument("--repeats", type=int, default=1, help="number of splits or folds")
    parser.add_argument("--number", type=int, default=1, help="number of the split to write, from 1")
    parser.add_argument("--test-cases", type=int, help="number of test cases; overrides --test-fraction")
    parser.add_argument("--test-fraction", type=float, default=0.1, help="share of test cases")
    parser.add_argument("--seed", type=int, default=2019, help="seed of the split")
    cli.run(main, parser)
