"""Write the splits of a run as nnU-Net v2 reads them: a fold for each, which validates the test cases."""

from kidney_tumor import cli, files
from kidney_tumor.data.nnunet import list_folds
from kidney_tumor.data.split import read_split


@cli.run_main()
@cli.take_file("splits", "tables split.tsv, one for each fold", nargs="+")
@cli.take_file("output", "files to write, splits_final.json", nargs="+")
def main(arguments: cli.Arguments) -> None:
    folds = list_folds([read_split(path) for path in arguments.splits])
    for path in arguments.output:
        files.write_json(path, folds)
