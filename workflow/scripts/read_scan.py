"""Extract the slices of a scan of any format, or record in their place why it cannot be segmented."""

import sys

from kidney_tumor import cli, errors
from kidney_tumor.data.slices import extract, refuse_scan
from kidney_tumor.errors import VolumeError


@cli.run_main("slices.size", output="folder for images.npy and slices.json")
@cli.take_file("scan", "volume, or folder of a DICOM series")
@cli.take_file("image", "volume to write, .nii.gz; for a scan that is not NIfTI", required=False)
def main(arguments: cli.Arguments) -> None:
    try:
        notes = []
        if arguments.image and arguments.scan.is_dir():
            from kidney_tumor.scans.dicom import convert_series  # pydicom takes half the start

            notes = convert_series(arguments.scan, arguments.image)
        elif arguments.image:
            from kidney_tumor.scans.rasters import convert_raster

            convert_raster(arguments.scan, arguments.image)
        image = arguments.image or arguments.scan
        slices = extract(image, None, arguments.size, arguments.output, notes).images
        if len(slices) < 2:
            raise errors.UserError(f"{arguments.scan} has one slice by its affine; expected a volume")
        print("; ".join([f"{arguments.output.name}: {len(slices)} slices", *notes]))
    except errors.UserError as error:
        is_volume = isinstance(error, VolumeError)  # whose path may be that of what was converted
        problem = f"{arguments.scan} {error.what}; copy or export it again" if is_volume else str(error)
        refuse_scan(arguments.output, problem)
        if arguments.image and not arguments.image.exists():
            arguments.image.touch()  # the workflow expects a file
        print(f"refused: {problem}", file=sys.stderr)
