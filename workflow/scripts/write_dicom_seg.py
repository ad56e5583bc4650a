"""Write the segmentation of a DICOM series as DICOM SEG."""

from kidney_tumor import cli
from kidney_tumor.scans.dicom_seg import write_dicom_seg


@cli.run_main("segmentation", output="DICOM SEG to write, .dcm")
@cli.take_file("scan", "folder of the DICOM series")
def main(arguments: cli.Arguments) -> None:
    write_dicom_seg(arguments.scan, arguments.segmentation, arguments.output)
