"""Split the cases at random into training and test cases."""

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
    parser = cli.make_parser(__doc__, "split", output="table with the columns case and subset, .tsv")
    cli.add_shared(parser, "cases")
    parser.add_argument("--number", type=int, default=1, help="number of the split to write, from 1")
    cli.run(main, parser)
