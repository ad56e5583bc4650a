"""The paper's statistical post-processing filter (section 2.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kits.cli import UserError
from kits.components import connected_components, eigenvalue_ratio, eigenvalues, fill_holes, largest
from kits.nifti import KIDNEY, TUMOR
from kits.runs import Runs


@dataclass(frozen=True)
class Filtered:
    """A post-processed case.

    Attributes:
        segmentation: (slices, rows, columns), uint8, 0 background, 1 kidney, 2 tumor.
        kidney_components: found, kept.
        tumors: voxels, ratio, overlap, kept; a record for each tumor component that was found.
    """

    segmentation: np.ndarray
    kidney_components: tuple[int, int]
    tumors: np.recarray

    @property
    def tumor_components(self) -> tuple[int, int]:
        """Found, kept."""
        return len(self.tumors), int(self.tumors.kept.sum())


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


def merge(kidney: Runs, tumor: Runs) -> np.ndarray:
    """One KiTS19 label volume of two masks of the same shape, uint8: tumor over kidney."""
    volume = np.zeros(kidney.shape, np.uint8, order="F")
    kidney.paint(volume, KIDNEY)
    tumor.paint(volume, TUMOR)
    return volume


def close(runs: Runs, iterations: int) -> Runs:
    """Binary closing with the 6-connected cross; the volume's border does not erode what touches it."""
    if not iterations:
        return runs
    from scipy import ndimage  # off by default, and a third of the time this script takes to start

    padded = ndimage.binary_closing(np.pad(runs.mask(), iterations), iterations=iterations)
    return Runs.of(padded[(slice(iterations, -iterations),) * padded.ndim])


def postprocess(
    kidney: Runs,
    tumor: Runs,
    ratios: tuple[float, float],
    *,
    kidney_components: int = 2,
    min_component_voxels: int = 10,
    tumor_kidney_overlap: float = 0.95,
    closing_iterations: int = 0,
) -> Filtered:
    """Fill holes, keep the largest kidneys, filter the tumors by shape and place, merge.

    Args:
        kidney: raw kidney + tumor mask.
        tumor: raw tumor mask, of the same shape.
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
    kidneys, tumors = connected_components(kidney), connected_components(tumor)
    kept_kidneys = largest(kidneys, kidney_components)
    kidney = kidneys.select(kept_kidneys)
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
        (len(kidneys), int(kept_kidneys.sum())),
        np.rec.fromarrays([tumors.voxels, ratio, overlap, kept_tumors], names="voxels,ratio,overlap,kept"),
    )
