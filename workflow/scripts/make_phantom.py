"""Write one phantom case in KiTS19 layout: imaging.nii.gz and segmentation.nii.gz."""

import kidney_tumor.interrupt  # noqa: F401

from kidney_tumor import cli
from kidney_tumor.phantom.volumes import write_case


def main(arguments: cli.Arguments) -> None:
    write_case(arguments.output, arguments.size, tuple(arguments.slices), arguments.seed)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, output="folder of the case, named case_XXXXX")
    parser.add_argument("--size", type=int, default=128, help="rows and columns of a slice in pixels")
    parser.add_argument("--slices", type=int, nargs=2, default=(32, 44), help="smallest and largest number of slices")
    parser.add_argument("--seed", type=int, default=7, help="seed of the cohort")
    cli.run(main, parser)
