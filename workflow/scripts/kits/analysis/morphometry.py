"""The measurement of kidneys and tumors (paper, section 1): volumes in mL, diameters in mm, and shapes."""

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from kits.filter.components import compute_eigenvalues, compute_ratio, find_components, mark_largest
from kits.filter.masks import RunLengthMask

Spacing = tuple[float, float, float]


def measure_masks(kidney: RunLengthMask, tumor: RunLengthMask, spacing: Spacing) -> dict[str, float]:
    """Measure a segmented case.

    Args:
        kidney: The mask of kidney + tumor.
        tumor: The mask of the tumor, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.

    Returns:
        kidney_ml, the volume of the kidney without the tumor in mL; tumor_ml, the volume of the whole tumor in mL;
        tumor_diameter_mm and tumor_ratio, the diameter of the largest tumor component in mm and its eigenvalue ratio,
        both NaN without a tumor.
    """
    voxel_ml = float(np.prod(spacing)) / 1000
    healthy = kidney.voxels - int(kidney.count_common(tumor).sum())
    components = find_components(tumor)
    main = components.select(mark_largest(components, 1))
    ratio = compute_ratio(compute_eigenvalues(find_components(main)))
    return {
        "kidney_ml": healthy * voxel_ml,
        "tumor_ml": tumor.voxels * voxel_ml,
        "tumor_diameter_mm": measure_diameter(main, spacing),
        "tumor_ratio": float(ratio[0]) if len(ratio) else float("nan"),
    }


def measure_diameter(runs: RunLengthMask, spacing: Spacing) -> float:
    """Measure a mask's maximum 3-D diameter, the largest distance between two points of its surface, in mm.

    The points are the centers of the voxels' faces, as in the mesh that pyradiomics measures, so that a single voxel
    is as long as its longest edge, and a box is a little shorter than its diagonal. An empty mask has NaN.
    """
    if not len(runs):
        return float("nan")
    first, row, column = runs.locate_starts()
    ends = np.concatenate([np.stack([first, row, column], 1), np.stack([first + runs.length - 1, row, column], 1)])
    faces = np.concatenate([np.eye(3), -np.eye(3)]) / 2
    points = (ends[:, None] + faces).reshape(-1, 3) * spacing
    return float(pdist(points[ConvexHull(points).vertices]).max())
