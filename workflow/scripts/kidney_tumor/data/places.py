"""The volumes of a case: whether they lie in one place, and whether a mask is of another case."""

from pathlib import Path

import numpy as np

from kidney_tumor.data.cohort import name_mask
from kidney_tumor.errors import VolumeError
from kidney_tumor.files import suggest_remake
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.nifti import read_volume, write_volume

WRITER = "kidney_tumor: "
"""What the description in the header of this workflow's masks begins with; the name of the mask follows."""


def check_places(path: Path, *others: Path) -> Geometry:
    """Check that further volumes of a case have the shape and, to half a voxel, the place of the first, in any axes.

    What is odd about a header is said.

    Returns:
        The grid of the first.

    Raises:
        UserError: One has another shape or lies elsewhere, is a mask of another case, or cannot be read.
    """
    grids = {}
    for each in (path, *others):
        volume = read_volume(each)
        name = volume.description.removeprefix(WRITER)
        if name != volume.description and name_mask(each) not in ("", name):
            raise VolumeError(each, f"holds {name}", f"if it is one of a run's results, {suggest_remake(each)}")
        if volume.geometry.warning:
            print(f"warning: {each}: {volume.geometry.warning}")
        grids[each] = volume.geometry
    geometry = grids.pop(path)
    for other, found in grids.items():
        if found.shape != geometry.shape:
            raise VolumeError(other, f"has shape {found.shape}, but {path} has {geometry.shape}")
        if not found.covers(geometry):
            raise VolumeError(
                other,
                f"does not lie where {path} lies, but up to {found.measure_distance(geometry):.3g} mm away: "
                "one affine is wrong, or they are of two scans",
            )
    return geometry


def write_mask(path: Path, mask: np.ndarray, geometry: Geometry) -> None:
    """Write a mask, or another volume made of a case, like `nifti.write_volume`, in the axes of a grid.

    Its header names the mask, so that a file under the name of another case is noticed.
    """
    name = name_mask(path)
    write_volume(path, mask, geometry.stored_affine, f"{WRITER}{name}" if name else "")
