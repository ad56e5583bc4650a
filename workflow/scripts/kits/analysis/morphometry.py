"""What segmentation is for (paper, section 1): volumes in mL, diameter in mm, and shape of kidneys and tumors."""

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from kits.filter.components import compute_eigenvalues, compute_ratio, find_components, mark_largest
from kits.filter.masks import RunLengthMask

Spacing = tuple[float, float, float]


def measure_masks(kidney: RunLengthMask, tumor: RunLengthMask, spacing: Spacing) -> dict[str, float]:
    """Measure a segmented case.

    Args:
        kidney: kidney + tumor mask.
        tumor: tumor mask of the same shape.
        spacing: (slices, rows, columns), mm.

    Returns:
        kidney_ml: of the kidney without the tumor, mL; tumor_ml: of all tumor; tumor_diameter_mm and tumor_ratio: of
        the largest tumor component, its `diameter` and its eigenvalue ratio (NaN without a tumor).
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
    """The largest distance between two points on a mask's surface, mm: its maximum 3-D diameter; NaN of nothing.

    The surface's points are the middles of the voxels' faces, as in the mesh that pyradiomics measures, so a single
    voxel is as long as its longest edge, and a box somewhat shorter than its diagonal.
    """
    if not len(runs):
        return float("nan")
    first, row, column = runs.locate_starts()
    ends = np.concatenate([np.stack([first, row, column], 1), np.stack([first + runs.length - 1, row, column], 1)])
    faces = np.concatenate([np.eye(3), -np.eye(3)]) / 2
    points = (ends[:, None] + faces).reshape(-1, 3) * spacing
    return float(pdist(points[ConvexHull(points).vertices]).max())
