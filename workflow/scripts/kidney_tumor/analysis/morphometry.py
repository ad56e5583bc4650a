"""The measurement of kidneys and tumors (paper, section 1): volumes in mL, diameters in mm, contact, and shape.

The size and the place of the largest tumor also give two of the five components of the R.E.N.A.L. nephrometry score
(Kutikov and Uzzo, Journal of Urology 182, 2009): R, the radius, from its diameter, and E, how exophytic it is. The
others cannot be had from these labels: N, the nearness to the collecting system, needs that system, A, anterior or
posterior, the coronal plane of the kidney, and L, the location to the polar lines, the lips of the renal sinus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kidney_tumor.analysis.attachment import (
    classify_exophytic,
    list_face_centers,
    measure_contact,
    measure_exophytic_share,
)
from kidney_tumor.data.measures import MEASURES
from kidney_tumor.volumes.components import compute_eigenvalues, compute_ratio, find_components, mark_largest
from kidney_tumor.volumes.labels import BACKGROUND, KIDNEY, TUMOR
from kidney_tumor.volumes.masks import Mask, RunLengthMask, Spacing, encode, read_label_masks
from kidney_tumor.volumes.nifti import read_geometry

RADIUS_MM = (40, 70)
"""The diameters in mm that part the classes 1, 2 and 3 of R: at most 4 cm, between, and at least 7 cm."""


@dataclass(frozen=True)
class AxialDiameter:
    """The largest diameter of a tumor in an axial slice.

    Attributes:
        length: The diameter in mm; NaN without a tumor.
        slice: The number of the slice from 0, or -1 without a tumor.
        ends: The row and the column of the pixels at its two ends, shape (2, 2).
    """

    length: float
    slice: int
    ends: np.ndarray


def find_main_tumor(tumor: RunLengthMask, min_voxels: int) -> tuple[RunLengthMask, int]:
    """Find the largest tumor; components of fewer than `min_voxels` voxels are no tumors.

    Returns:
        The mask of the largest tumor, which is empty if there is none, and the number of tumors.
    """
    components = find_components(tumor)
    large = components.voxels >= min_voxels
    return components.select(mark_largest(components, 1) & large), int(large.sum())


def measure_masks(
    kidney: Mask, tumor: Mask, spacing: Spacing, min_voxels: int
) -> tuple[dict[str, float], AxialDiameter]:
    """Measure a segmented case.

    Args:
        kidney: The mask of kidney + tumor.
        tumor: The mask of the tumor, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.
        min_voxels: The number of voxels of the smallest component that counts as a tumor.

    Returns:
        kidney_ml, the volume of the kidneys without the tumors, and tumor_ml, that of all tumors, in mL; tumors, their
        number. Of the largest tumor: its largest diameter in an axial slice (tumor_axial_mm) and in any direction
        (tumor_diameter_mm), and the diameter of a sphere of its volume (tumor_sphere_mm), all in mm; tumor_ratio, its
        eigenvalue ratio (section 2.2); contact_mm2, the area in which it touches the kidney; exophytic_share, the
        share of it outside the convex hull of its kidney; and its classes R and E of the R.E.N.A.L. score, renal_r and
        renal_e, 1 to 3. All but the first three are NaN without a tumor. And where the axial diameter lies.
    """
    kidney, tumor, voxel = encode(kidney), encode(tumor), float(np.prod(spacing))
    healthy = kidney.voxels - int(kidney.count_common(tumor).sum())
    main, count = find_main_tumor(tumor, min_voxels)
    ratio = compute_ratio(compute_eigenvalues(find_components(main)))
    axial = find_axial_diameter(main, spacing)
    exophytic = measure_exophytic_share(kidney, tumor, main, spacing)
    sphere = (6 * main.voxels * voxel / np.pi) ** (1 / 3)
    values = (
        healthy * voxel / 1000,
        tumor.voxels * voxel / 1000,
        float(count),
        axial.length,
        measure_diameter(main, spacing),
        sphere if count else float("nan"),
        float(ratio[0]) if count else float("nan"),
        measure_contact(kidney, tumor, main, spacing),
        exophytic,
        classify_radius(axial.length),
        classify_exophytic(exophytic),
    )
    return dict(zip(MEASURES, values, strict=True)), axial


def measure_label(path: Path, min_voxels: int) -> tuple[dict[str, float], dict[str, np.ndarray | int | float]]:
    """Measure a label volume by `measure_masks`, and cut out a slice of it by `cut_axial_slice`.

    Raises:
        UserError: The file is not a label volume.
    """
    kidney, tumor = read_label_masks(path)
    spacing = read_geometry(path).spacing
    measures, axial = measure_masks(kidney, tumor, spacing, min_voxels)
    return measures, cut_axial_slice(kidney, tumor, axial, spacing)


def measure_diameter(runs: RunLengthMask, spacing: Spacing) -> float:
    """Measure a mask's largest diameter, the distance between the centers of its two farthest voxels, in mm.

    A single voxel has 0, an empty mask NaN.
    """
    if not len(runs):
        return float("nan")
    first, row, column = runs.locate_starts()
    ends = np.concatenate([np.stack([first, row, column], 1), np.stack([first + runs.length - 1, row, column], 1)])
    return _find_farthest(ends, spacing)[0]


def find_axial_diameter(runs: RunLengthMask, spacing: Spacing) -> AxialDiameter:
    """Find a mask's largest diameter in an axial slice, as radiologists measure tumors.

    It is the distance between the centers of the two farthest pixels of a slice; of equal ones, the first slice's.
    """
    best = AxialDiameter(float("nan"), -1, np.zeros((2, 2), int))
    box = runs.find_box()
    corner = np.array([box[1].start, box[2].start])
    for number, pixels in enumerate(runs.crop(box)):
        rows = np.flatnonzero(pixels.any(1))
        if not len(rows):
            continue
        first, last = pixels[rows].argmax(1), pixels.shape[1] - 1 - pixels[rows, ::-1].argmax(1)
        ends = np.concatenate([np.stack([rows, first], 1), np.stack([rows, last], 1)])
        length, farthest = _find_farthest(ends, spacing[1:])
        if not length <= best.length:  # true for the first slice, too, since the best length is NaN then
            best = AxialDiameter(length, box[0].start + number, farthest + corner)
    return best


def cut_axial_slice(
    kidney: RunLengthMask, tumor: RunLengthMask, diameter: AxialDiameter, spacing: Spacing
) -> dict[str, np.ndarray | int | float]:
    """Cut out the slice in which a tumor has its largest axial diameter.

    Args:
        kidney: The mask of kidney + tumor.
        tumor: The mask of all tumors.
        diameter: The diameter.
        spacing: The distance between neighboring slices, rows and columns in mm.

    Returns:
        number, the number of the slice from 0, and labels, shape (rows, columns), uint8, both empty or -1 without a
        tumor; ends, the row and the column of the pixels at the diameter's ends, shape (2, 2); and aspect, the height
        of a pixel over its width, both in mm.
    """
    box = slice(diameter.slice, diameter.slice + 1), slice(0, kidney.shape[1]), slice(0, kidney.shape[2])
    labels = np.zeros((0, 0), np.uint8)
    if diameter.slice >= 0:
        labels = np.where(tumor.crop(box)[0], TUMOR, np.where(kidney.crop(box)[0], KIDNEY, BACKGROUND)).astype(np.uint8)
    return {"number": diameter.slice, "labels": labels, "ends": diameter.ends, "aspect": spacing[1] / spacing[2]}


def _find_farthest(voxels: np.ndarray, spacing: Sequence[float]) -> tuple[float, np.ndarray]:
    """Find the two voxels, among voxels of shape (n, axes), that are farthest from each other.

    Only the corners of the convex hull can be. The centers of the voxels may lie in a line or a plane, which has no
    hull, but those of their faces never do, and the corners of their hull belong to the same voxels.

    Returns:
        The distance of their centers in mm, and the two voxels, shape (2, axes).
    """
    # scipy.spatial takes longer to import than all else here, and is needed only where there is a tumor.
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist, squareform

    faces = list_face_centers(voxels) * spacing
    corners = voxels[np.unique(ConvexHull(faces).vertices // (2 * voxels.shape[1]))]
    if len(corners) == 1:
        return 0.0, corners[[0, 0]]
    distances = squareform(pdist(corners * spacing))
    return float(distances.max()), corners[list(np.unravel_index(distances.argmax(), distances.shape))]


def classify_radius(diameter: float) -> float:
    """Classify a tumor's diameter in mm by R of the R.E.N.A.L. score: 1, 2 or 3, NaN if it is undefined."""
    if np.isnan(diameter):
        return float("nan")
    return 1.0 if diameter <= RADIUS_MM[0] else 2.0 if diameter < RADIUS_MM[1] else 3.0
