"""Write a segmentation for 3D Slicer, with names and colors of its segments."""

from kidney_tumor import cli
from kidney_tumor.scans.slicer_seg import write_slicer_seg


@cli.run_main("segmentation", output="segmentation to write, .seg.nrrd")
def main(arguments: cli.Arguments) -> None:
    write_slicer_seg(arguments.segmentation, arguments.output)
