"""The measurement of the labeled tumors' shapes (paper, section 2.2)."""

from pathlib import Path

import pandas as pd

from kidney_tumor.volumes.components import compute_eigenvalues, compute_ratio, find_components
from kidney_tumor.volumes.masks import read_label_masks


def measure_tumors(path: Path, min_voxels: int) -> pd.DataFrame:
    """Measure the shape of every tumor component in a label volume.

    Args:
        path: The case's `segmentation.nii.gz`.
        min_voxels: The number of voxels below which a component is left out.

    Returns:
        A table with the index `component` and the columns voxels, eigenvalue_1 to eigenvalue_3 (voxels squared) and
        ratio.

    Raises:
        UserError: The file is not a label volume.
    """
    _, tumor = read_label_masks(path)
    components = find_components(tumor)
    values = compute_eigenvalues(components)
    table = pd.DataFrame(values, columns=[f"eigenvalue_{i}" for i in (1, 2, 3)])
    table.index = pd.RangeIndex(1, len(components) + 1, name="component")
    table.insert(0, "voxels", components.voxels)
    table["ratio"] = compute_ratio(values)
    return table[table["voxels"] >= min_voxels]
