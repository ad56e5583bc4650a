"""Make a dataset of nnU-Net v2 from a cohort, by links but for volumes that it would not take their images."""

from kidney_tumor import cli
from kidney_tumor.data.nnunet import link_cases


@cli.run_main("root", "cases", output="folder of the dataset, DatasetXXX_Name")
@cli.take_option("description", default="", help="what the cases are, for dataset.json")
def main(arguments: cli.Arguments) -> None:
    rewritten = link_cases(arguments.root, arguments.cases, arguments.output, arguments.description)
    changed = f"{rewritten} volumes written anew, which nnU-Net would not take"
    print(f"{len(arguments.cases)} cases in {arguments.output}; {changed}")
