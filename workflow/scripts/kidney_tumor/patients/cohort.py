"""The patients of another cohort: what is measured of each, and its outcomes."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from kidney_tumor.analysis.morphometry import measure_masks
from kidney_tumor.data import remedies
from kidney_tumor.data.record import read_record
from kidney_tumor.data.segmentations import Values, read_segmentation
from kidney_tumor.errors import VolumeError
from kidney_tumor.volumes.nifti import read_geometry

REMEDY = (
    "export it again, take it out of the folder, or say in transfer what its labels mean, as "
    "{folder: ..., kidney: [1, 3], tumor: [2]}"
)
"""What to do about a label that cannot be used."""


def measure_patients(
    labels: Mapping[str, Path], record: Path, values: Values, min_voxels: int, threads: int
) -> pd.DataFrame:
    """Measure the label volumes of several cases, `threads` at once, and read their outcomes.

    Args:
        labels: The label volume of each case.
        record: The clinical record.
        values: The labels of the volumes.
        min_voxels: The number of voxels below which a component is no tumor.
        threads: The number of volumes to measure at once.

    Returns:
        A table with a row for each case, the columns `morphometry.MEASURES` and those of `record.RECORD_COLUMNS`.

    Raises:
        UserError: A volume or the record cannot be used; the message has a line for each problem.
    """
    geometries = remedies.collect(partial(read_geometry, path) for path in labels.values())
    outcomes = read_record(record, dict(zip(labels, geometries, strict=True)))
    calls = [(path, values, min_voxels) for path in labels.values()]
    rows = remedies.collect_in_parallel(_measure_patient, calls, threads)
    measures = pd.DataFrame(rows, index=pd.Index(labels, name="case"))
    return measures.reset_index().merge(outcomes, on="case")


def _measure_patient(path: Path, values: Values, min_voxels: int) -> dict[str, float]:
    try:
        masks = read_segmentation(path, values)
    except VolumeError as error:
        raise VolumeError(error.path, error.what, REMEDY) from error
    return measure_masks(*masks, read_geometry(path).spacing, min_voxels)[0]
