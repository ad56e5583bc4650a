"""Write one phantom case in KiTS19 layout: imaging.nii.gz and segmentation.nii.gz."""

from kidney_tumor import cli
from kidney_tumor.phantom.volumes import write_case


@cli.run_main("phantom", without=["cases"], output="folder of the case, named case_XXXXX")
def main(arguments: cli.Arguments) -> None:
    write_case(arguments.output, arguments.size, tuple(arguments.slices), arguments.variety, arguments.seed)
