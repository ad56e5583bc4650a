"""The measurement of the labeled tumors' shapes (paper, section 2.2)."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from kidney_tumor.data import remedies
from kidney_tumor.data.segmentations import Values, read_segmentation
from kidney_tumor.errors import VolumeError
from kidney_tumor.volumes.components import (
    compute_eigenvalues,
    compute_ratio,
    compute_thin_eigenvalues,
    find_components,
)
from kidney_tumor.volumes.nifti import read_geometry

THIN_MM = 0.5
"""The distance between slices, in mm, for which the column `ratio_thin` is."""


def measure_tumors(path: Path, min_voxels: int, values: Values = None, remedy: str = "") -> pd.DataFrame:
    """Measure the shape of every tumor component in a label volume.

    Args:
        path: The label volume.
        min_voxels: The number of voxels below which a component is left out.
        values: Its labels; by default KiTS19's.
        remedy: What to do about a file that cannot be used; by default what its place says.

    Returns:
        A table with the index `component` and the columns voxels, eigenvalue_1 to eigenvalue_3 (voxels squared),
        ratio_voxel and ratio_mm (in these units), slice_mm (the distance between slices), and ratio_thin: what
        ratio_voxel would be in slices `THIN_MM` apart, interpolated by nearest neighbor.

    Raises:
        UserError: The file is not a label volume.
    """
    try:
        components = find_components(read_segmentation(path, values)[1])
    except VolumeError as error:
        raise VolumeError(error.path, error.what, error.remedy or remedy) from error
    spacing = read_geometry(path).spacing
    eigenvalues = compute_eigenvalues(components)
    table = pd.DataFrame(eigenvalues, columns=[f"eigenvalue_{i}" for i in (1, 2, 3)])
    table.index = pd.RangeIndex(1, len(components) + 1, name="component")
    table.insert(0, "voxels", components.voxels)
    table["ratio_voxel"] = compute_ratio(eigenvalues)
    table["ratio_mm"] = compute_ratio(compute_eigenvalues(components, spacing))
    table["slice_mm"] = spacing[0]
    table["ratio_thin"] = compute_ratio(compute_thin_eigenvalues(components, spacing[0] / THIN_MM))
    return table[table["voxels"] >= min_voxels]


def measure_cohort(
    labels: Mapping[str, Path], min_voxels: int, threads: int, values: Values = None, remedy: str = ""
) -> pd.DataFrame:
    """Measure the tumors of several label volumes, by the case, `threads` volumes at once.

    Returns:
        The tables that `measure_tumors` returns, with the case before the component in their index.

    Raises:
        UserError: At least one file is not a label volume; the message has a line for each.
    """
    calls = [(path, min_voxels, values, remedy) for path in labels.values()]
    tables = remedies.collect_in_parallel(measure_tumors, calls, threads)
    return pd.concat(tables, keys=list(labels), names=["case", "component"])
