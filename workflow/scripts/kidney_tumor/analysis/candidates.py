"""The tumor candidates of a run's networks: what is measured of each, and what it has in common with the label."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull

from kidney_tumor.analysis.lesions import drop_small
from kidney_tumor.analysis.surface_distances import measure_area
from kidney_tumor.data.places import check_places
from kidney_tumor.volumes.components import (
    Components,
    compute_eigenvalues,
    compute_ratio,
    fill_holes,
    find_components,
    mark_largest,
)
from kidney_tumor.volumes.masks import Spacing, read_label_masks, read_mask


@dataclass(frozen=True)
class CaseCandidates:
    """The tumor candidates of a case beside its label.

    Attributes:
        case: The name of the case.
        measures: The value of each criterion, arrays of shape (n,).
        voxels: The voxels of each candidate, shape (n,).
        shared: Those that each has in common with each labeled tumor, shape (tumors, n).
        common: Those that each has in common with the whole label, shape (n,), above 0 for a true candidate.
        tumors: The voxels of each labeled tumor, shape (tumors,).
        label_voxels: The voxels of the whole label of the tumor.
    """

    case: str
    measures: Mapping[str, np.ndarray]
    voxels: np.ndarray
    shared: np.ndarray
    common: np.ndarray
    tumors: np.ndarray
    label_voxels: int


def measure_case(case: str, prediction: Path, label: Path, kidneys: int | None, min_voxels: int) -> CaseCandidates:
    """Measure the tumor candidates of a case: the components of the raw tumor mask with its holes filled.

    Args:
        case: The name of the case.
        prediction: The folder of the raw masks, kidney.nii.gz and tumor.nii.gz.
        label: The label volume.
        kidneys: The number of kidney components that make the kidney mask; None for all.
        min_voxels: The number of voxels below which a component is neither a candidate nor a labeled tumor.

    Raises:
        UserError: A file is no such volume, or they differ in shape or place.
    """
    paths = prediction / "kidney.nii.gz", prediction / "tumor.nii.gz"
    spacing = check_places(label, *paths).spacing
    kidney, raw = (fill_holes(read_mask(path)) for path in paths)
    organs, candidates = find_components(kidney), drop_small(raw, min_voxels)
    inside = organs.select(mark_largest(organs, len(organs) if kidneys is None else kidneys))
    tumor = read_label_masks(label)[1]
    tumors = drop_small(tumor, min_voxels)
    measures = measure_criteria(candidates, spacing)
    measures["overlap"] = candidates.count_inside(inside) / candidates.voxels
    shared = tumors.count_shared(candidates)
    return CaseCandidates(
        case, measures, candidates.voxels, shared, candidates.count_inside(tumor), tumors.voxels, tumor.voxels
    )


def measure_criteria(components: Components, spacing: Spacing) -> dict[str, np.ndarray]:
    """Measure the size and shape of components, arrays of shape (n,).

    Returns:
        ml, the volume; flatness, the square root of the smallest over the largest eigenvalue in mm, 0 to 1, and
        sphericity, the surface of a ball of the same volume over its own (both as in PyRadiomics); solidity, the share
        of its convex hull that it fills; and ratio_voxel and ratio_mm, the largest over the second eigenvalue.
    """
    volumes, in_mm = components.voxels * np.prod(spacing), compute_eigenvalues(components, spacing)
    hulls, areas = np.ones(len(components)), np.ones(len(components))
    for number in range(len(components)):
        one = components.select(np.arange(len(components)) == number)
        first, row, column = one.locate_starts()
        corners = [
            np.stack([first + along, row + down, column + right], 1)
            for along, down, right in product((0, one.length), (0, 1), (0, 1))
        ]
        hulls[number] = ConvexHull(np.concatenate(corners)).volume
        areas[number] = measure_area(one, spacing)
    return {
        "ml": volumes / 1000,
        "flatness": np.sqrt(in_mm[:, 2] / np.maximum(in_mm[:, 0], np.finfo(float).tiny)),
        "solidity": components.voxels / hulls,
        "sphericity": (36 * np.pi * volumes**2) ** (1 / 3) / areas,
        "ratio_voxel": compute_ratio(compute_eigenvalues(components)),
        "ratio_mm": compute_ratio(in_mm),
    }
