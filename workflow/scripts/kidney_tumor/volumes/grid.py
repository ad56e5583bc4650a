"""The grid of a volume: its voxels in the axes of the workflow, and as they are stored in its file.

The workflow's axes are those of KiTS19's files: slices run downwards, rows backwards, columns to the patient's left
(I, P, L). A volume that is stored in other axes is flipped and its axes are exchanged, by its affine; nothing is
interpolated.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kidney_tumor.volumes.nibabel_alone import affines, nib, orientations

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
"""DICOM's axes point to the patient's left and back, those of NIfTI to the right and front."""

AXES = ("I", "P", "L")
"""The direction in which the voxels of each of the workflow's axes run."""
MM = {0, 2}
"""The codes of NIfTI-1 for lengths in an unknown unit, as in KiTS19's files, and in mm."""
SPACINGS_MM = (0.1, 60.0)
"""The smallest and the largest distance between neighboring voxels that a CT, or a small phantom, can have."""
SHEAR = 0.02
"""The largest cosine of the angle between two axes that counts as a right angle: rounding, and one degree."""
SIZE_TOLERANCE = 0.01
"""The relative difference between the lengths of an affine's columns and the stated voxel sizes that is rounding."""
PIXEL_RATIO = 1.5
"""The largest ratio between the sides of a pixel: those of axial CT are square."""


@dataclass(frozen=True)
class Geometry:
    """The grid of a volume.

    Attributes:
        stored_shape: The shape of the volume in voxels, in the axes of its file.
        stored_affine: The 4 x 4 affine of the file, from voxel indices to mm to the patient's right, front and head.
        warning: What is odd about how the file states its grid, a sentence; empty if nothing is.
    """

    stored_shape: tuple[int, int, int]
    stored_affine: list[list[float]]
    warning: str = ""

    @cached_property
    def codes(self) -> tuple[str, str, str]:
        """The direction in which the voxels of each axis of the file run, such as R, A, S."""
        return orientations.aff2axcodes(self.stored_affine)

    @property
    def is_native(self) -> bool:
        """Whether the file has the workflow's axes, as KiTS19's files do."""
        return self.codes == AXES

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape in voxels, (slices, rows, columns)."""
        slices, rows, columns = (self.stored_shape[axis] for axis in np.argsort(self._orientation[:, 0]))
        return slices, rows, columns

    @property
    def affine(self) -> list[list[float]]:
        """The 4 x 4 affine from slice, row and column to mm."""
        if self.is_native:
            return self.stored_affine
        return (np.array(self.stored_affine) @ orientations.inv_ornt_aff(self._orientation, self.stored_shape)).tolist()

    @property
    def spacing(self) -> tuple[float, float, float]:
        """The distance between neighboring slices, rows and columns in mm."""
        slices, rows, columns = np.linalg.norm(np.array(self.affine)[:3, :3], axis=0).tolist()
        return slices, rows, columns

    @cached_property
    def _orientation(self) -> np.ndarray:
        """Which of the workflow's axes each axis of the file is, and whether it runs the same way, shape (3, 2)."""
        return orientations.ornt_transform(
            orientations.io_orientation(self.stored_affine), orientations.axcodes2ornt(AXES)
        )

    def covers(self, other: "Geometry") -> bool:
        """Return whether both grids have one shape and the same place, to half a voxel."""
        return self.shape == other.shape and self.measure_distance(other) <= min(self.spacing) / 2

    def measure_distance(self, other: "Geometry") -> float:
        """Measure in mm how far apart, along an axis, corners of two grids are that should be one."""
        return float(np.abs(self._locate_corners() - other._locate_corners()).max())

    def _locate_corners(self) -> np.ndarray:
        """Compute where the first voxel and the last of each axis lie, in mm: shape (4, 3)."""
        corners = np.vstack([np.zeros(3), np.diag(np.array(self.shape) - 1)])
        return affines.apply_affine(np.array(self.affine), corners)

    def orient(self, stored: np.ndarray) -> np.ndarray:
        """View a volume of `stored_shape` in the workflow's axes: shape (slices, rows, columns)."""
        return orientations.apply_orientation(stored, self._orientation)


def restore_axes(volume: np.ndarray, affine: list[list[float]]) -> np.ndarray:
    """View a volume, shape (slices, rows, columns), in the axes of a file with this affine."""
    return orientations.apply_orientation(
        volume, orientations.ornt_transform(orientations.axcodes2ornt(AXES), orientations.io_orientation(affine))
    )


def locate_voxels(sform: np.ndarray | None, qform: np.ndarray | None, sizes: np.ndarray) -> tuple[np.ndarray, str]:
    """Choose the affine of a volume among those that its header has.

    The sform counts before the qform, as nibabel and most programs have it. But some programs write one that lacks the
    sizes of voxels. So the lengths of its columns are compared with the sizes that the header states, which the qform
    has by its definition.

    Args:
        sform: The 4 x 4 affine of the sform, if the header has one.
        qform: That of the qform, if the header has one.
        sizes: The sizes of the voxels in mm that the header states (pixdim), shape (3,); 0 where it states none.

    Returns:
        The affine, and what is odd about it, a sentence; empty if nothing is.

    Raises:
        ValueError: The two disagree, and which is right cannot be told; the message says what is wrong with the file.
    """
    if sform is None:
        return (np.eye(4) if qform is None else qform), ""
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(sform[:3, :3], axis=0)
        stated = np.isfinite(sizes) & (sizes > 0)
        agree = np.isclose(lengths, sizes, rtol=SIZE_TOLERANCE, atol=0) | ~stated
    if not np.isfinite(lengths).all() or not lengths.all():
        return (sform, "") if qform is None else (qform, "its sform is no orientation; the qform is used")
    if agree.all():
        return sform, ""
    by_affine, by_sizes = (" x ".join(f"{length:.4g}" for length in each) for each in (lengths, sizes))
    if qform is not None and stated.all() and not np.allclose(sizes, 1):
        return qform, (
            f"its sform has voxels of {by_affine} mm, its qform and voxel sizes have {by_sizes} mm; the qform is used"
        )
    raise ValueError(
        f"has voxels of {by_affine} mm by its affine and of {by_sizes} mm by its voxel sizes (pixdim); "
        "which is right cannot be told"
    )


def find_fault(header: nib.Nifti1Header, geometry: Geometry) -> str | None:
    """Find out why a volume's header gives its voxels no place in the patient; None if it does."""
    if not int(header["sform_code"]) and not int(header["qform_code"]):
        return "does not say how it is oriented (its sform and qform codes are 0); export it with its affine"
    if int(header["xyzt_units"]) & 7 not in MM:
        return "states its lengths in another unit than mm"
    if np.array_equal(geometry.stored_affine, np.eye(4)):
        return "has the identity as its affine, which says nothing of the patient; save it with the affine of its CT"
    axes = np.array(geometry.stored_affine)[:3, :3]
    with np.errstate(all="ignore"):
        spacing = np.linalg.norm(axes, axis=0)
        cosines = (axes / spacing).T @ (axes / spacing)
    if not np.isfinite(geometry.stored_affine).all() or not spacing.all() or abs(np.linalg.det(axes / spacing)) < SHEAR:
        return "has an affine that is no orientation (it is singular)"
    mm = " x ".join(f"{step:.3g}" for step in spacing)
    if spacing.min() < SPACINGS_MM[0] or spacing.max() > SPACINGS_MM[1]:
        return f"has voxels of {mm}, which cannot be mm"
    if abs(cosines - np.eye(3)).max() > SHEAR:
        return (
            "has an affine that is no orientation (it is sheared, as of a tilted gantry); resample it to right angles"
        )
    slice_mm, row_mm, column_mm = geometry.spacing
    if max(row_mm, column_mm) > PIXEL_RATIO * min(row_mm, column_mm):
        return (
            f"has by its affine axial slices {slice_mm:.3g} mm apart with pixels of {row_mm:.3g} x {column_mm:.3g} mm, "
            "so either its affine belongs to other axes or the scan is not axial; expected axial slices"
        )
    return None
