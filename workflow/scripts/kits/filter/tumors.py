"""The shape of the labeled tumors (paper, section 2.2)."""

from pathlib import Path

import pandas as pd

from kits.filter.components import compute_eigenvalues, compute_ratio, find_components
from kits.filter.masks import read_label_masks


def measure_label(path: Path, min_voxels: int) -> pd.DataFrame:
    """The shape of every tumor in a label volume.

    Args:
        path: `segmentation.nii.gz`.
        min_voxels: components of fewer voxels are left out.

    Returns:
        Index `component`, columns voxels, eigenvalue_1 to eigenvalue_3 (voxels squared) and ratio.

    Raises:
        UserError: the file is no label volume.
    """
    _, tumor = read_label_masks(path)
    components = find_components(tumor)
    values = compute_eigenvalues(components)
    table = pd.DataFrame(values, columns=[f"eigenvalue_{i}" for i in (1, 2, 3)])
    table.index = pd.RangeIndex(1, len(components) + 1, name="component")
    table.insert(0, "voxels", components.voxels)
    table["ratio"] = compute_ratio(values)
    return table[table["voxels"] >= min_voxels]
