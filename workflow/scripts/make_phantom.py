"""Write one phantom case in KiTS19 layout: imaging.nii.gz and segmentation.nii.gz."""

from kidney_tumor import cli
from kidney_tumor.phantom.volumes import write_case


def main(arguments: cli.Arguments) -> None:
    write_case(arguments.output, arguments.size, tuple(arguments.slices), arguments.seed)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "phantom", without=["cases"], output="folder of the case, named case_XXXXX")
    cli.run(main, parser)
