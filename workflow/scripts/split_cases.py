"""Split the cases at random into training and test cases."""

from kidney_tumor import cli, errors
from kidney_tumor.data.split import split_cases, write_split


@cli.run_main("split", "cases", output="table with the columns case and subset, .tsv")
@cli.take_option("number", type=int, default=1, help="number of the split to write, from 1")
def main(arguments: cli.Arguments) -> None:
    choices = vars(arguments)
    output, number = choices.pop("output"), choices.pop("number")
    splits = split_cases(**choices)
    if not 1 <= number <= len(splits):
        raise errors.UserError(f"--number {number}: there are {len(splits)} splits; count from 1, or raise --repeats")
    write_split(output, splits[number - 1])
