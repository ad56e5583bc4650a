"""The paper's statistical post-processing filter (section 2.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage

from kits.cli import UserError
from kits.components import connected_components, eigenvalue_ratio, eigenvalues, fill_holes, largest
from kits.nifti import KIDNEY, TUMOR


@dataclass(frozen=True)
class Filtered:
    """A post-processed case.

    Attributes:
        segmentation: (slices, rows, columns), uint8, 0 background, 1 kidney, 2 tumor.
        kidney_components: found, kept.
        tumors: columns voxels, ratio, overlap, kept; a row for each tumor component that was found.
    """

    segmentation: np.ndarray
    kidney_components: tuple[int, int]
    tumors: pd.DataFrame

    @property
    def tumor_components(self) -> tuple[int, int]:
        """Found, kept."""
        return len(self.tumors), int(self.tumors["kept"].sum())


def ratio_range(ratios: np.ndarray, percentiles: Sequence[float]) -> tuple[float, float]:
    """The accepted eigenvalue ratios: two percentiles over the ratios of all labelled tumors, linear between ranks.

    Infinite ratios (components without a second axis) are left out.

    Raises:
        UserError: no finite ratio.
    """
    finite = ratios[np.isfinite(ratios)]
    if not len(finite):
        raise UserError("no labelled case shows a tumor large enough to measure; the filter needs at least one")
    low, high = np.percentile(finite, percentiles)
    return float(low), float(high)


def merge(kidney: np.ndarray, tumor: np.ndarray) -> np.ndarray:
    """One KiTS19 label volume of two masks of the same shape, uint8: tumor over kidney."""
    return np.where(tumor, np.uint8(TUMOR), kidney.astype(np.uint8) * np.uint8(KIDNEY))


def close(mask: np.ndarray, iterations: int) -> np.ndarray:
    """Binary closing with the 6-connected cross; the volume's border does not erode what touches it."""
    if not iterations:
        return mask
    padded = ndimage.binary_closing(np.pad(mask, iterations), iterations=iterations)
    return padded[(slice(iterations, -iterations),) * mask.ndim]


def postprocess(
    kidney: np.ndarray,
    tumor: np.ndarray,
    ratios: tuple[float, float],
    *,
    kidney_components: int = 2,
    min_component_voxels: int = 10,
    tumor_kidney_overlap: float = 0.95,
    closing_iterations: int = 0,
) -> Filtered:
    """Fill holes, keep the largest kidneys, filter the tumors by shape and place, merge.

    Args:
        kidney: raw kidney + tumor mask, (slices, rows, columns), bool.
        tumor: raw tumor mask, same shape.
        ratios: lowest and highest accepted eigenvalue ratio, ends included.
        kidney_components: how many of the largest kidney components are kept.
        min_component_voxels: smaller tumor components are dropped.
        tumor_kidney_overlap: least share of a tumor component's voxels inside the filtered kidney mask.
        closing_iterations: of a binary closing before the holes are filled; 0 for none.

    Raises:
        UserError: the masks differ in shape, or the overlap is no share.
    """
    if not 0 <= tumor_kidney_overlap <= 1:
        raise UserError(f"the tumor's overlap with the kidney is a share from 0 to 1, not {tumor_kidney_overlap:g}")
    if kidney.shape != tumor.shape:
        raise UserError(f"the kidney mask has shape {kidney.shape}, the tumor mask {tumor.shape}; predict both again")
    kidney, tumor = (fill_holes(close(mask, closing_iterations)) for mask in (kidney, tumor))
    kidneys = connected_components(kidney)
    kept_kidneys = largest(kidneys, kidney_components)
    found_kidneys = len(kidneys)
    kidney = kidneys.select(kept_kidneys)
    del kidneys  # a label volume of up to 4 bytes a voxel
    tumors = connected_components(tumor)
    ratio = eigenvalue_ratio(eigenvalues(tumors))
    overlap = tumors.inside(kidney) / tumors.voxels
    kept_tumors = (
        (tumors.voxels >= min_component_voxels)
        & (ratios[0] <= ratio)
        & (ratio <= ratios[1])
        & (overlap >= tumor_kidney_overlap)
    )
    return Filtered(
        merge(kidney, tumors.select(kept_tumors)),
        (found_kidneys, int(kept_kidneys.sum())),
        pd.DataFrame({"voxels": tumors.voxels, "ratio": ratio, "overlap": overlap, "kept": kept_tumors}),
    )
