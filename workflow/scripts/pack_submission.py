"""Pack the segmentations of KiTS19's hidden cases into an archive as the challenge takes it."""

import zipfile

from kidney_tumor import cli, errors, files
from kidney_tumor.data.cohort import CASE
from kidney_tumor.data.places import check_places

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that the same segmentations give the same bytes."""


@cli.run_main(output="archive, .zip")
@cli.take_file("segmentations", "<case>/segmentation.nii.gz", nargs="+")
def main(arguments: cli.Arguments) -> None:
    with files.write_atomically(arguments.output) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for path in arguments.segmentations:
            if not (case := CASE.fullmatch(path.parent.name)):
                raise errors.UserError(f"{path} does not lie in the folder of a case; expected case_XXXXX/{path.name}")
            check_places(path)
            archive.writestr(zipfile.ZipInfo(f"prediction_{case[1]}.nii.gz", EARLIEST), path.read_bytes())
    print(f"{len(arguments.segmentations)} predictions in {arguments.output}")
