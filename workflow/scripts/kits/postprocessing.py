"""The paper's statistical post-processing filter (section 2.2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kits.cli import UserError
from kits.components import Components, connected_components, eigenvalue_ratio, eigenvalues, fill_holes, largest
from kits.nifti import KIDNEY, TUMOR
from kits.runs import Runs


@dataclass(frozen=True)
class Filtered:
    """A post-processed case, with what each constraint says of its components.

    Attributes:
        kidneys: components of the kidney + tumor mask, holes filled.
        tumors: components of the tumor mask, holes filled.
        kept_kidneys: (kidneys,) bool.
        tests: voxels, ratio, overlap; large, shaped, inside, the verdicts of the three constraints; kept, all of them
            at once. A record for each of the tumors.
    """

    kidneys: Components
    tumors: Components
    kept_kidneys: np.ndarray
    tests: np.recarray

    def steps(self) -> Iterator[tuple[str, Runs, Runs]]:
        """The kidney + tumor mask and the tumor mask after each constraint, in order, with its name."""
        yield "fill_holes", self.kidneys.runs, self.tumors.runs
        kidney, kept = self.kidneys.select(self.kept_kidneys), self.tests.large
        yield "components", kidney, self.tumors.select(kept)
        for name, verdict in (("ratio", self.tests.shaped), ("overlap", self.tests.inside)):
            kept = kept & verdict
            yield name, kidney, self.tumors.select(kept)

    @property
    def segmentation(self) -> np.ndarray:
        """The two masks merged: (slices, rows, columns), uint8, 0 background, 1 kidney, 2 tumor."""
        *_, (_, kidney, tumor) = self.steps()
        return merge(kidney, tumor)


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
    fill: bool = True,
    kidney_components: int | None = 2,
    min_component_voxels: int = 10,
    tumor_kidney_overlap: float = 0.95,
    closing_iterations: int = 0,
) -> Filtered:
    """Fill holes, keep the largest kidneys, filter the tumors by shape and place.

    Args:
        kidney: raw kidney + tumor mask.
        tumor: raw tumor mask, of the same shape.
        ratios: lowest and highest accepted eigenvalue ratio, ends included.
        fill: whether holes are closed and filled at all.
        kidney_components: how many of the largest kidney components are kept; None for all.
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
    if fill:
        kidney, tumor = (fill_holes(close(mask, closing_iterations)) for mask in (kidney, tumor))
    kidneys, tumors = connected_components(kidney), connected_components(tumor)
    kept_kidneys = largest(kidneys, len(kidneys) if kidney_components is None else kidney_components)
    ratio = eigenvalue_ratio(eigenvalues(tumors))
    overlap = tumors.inside(kidneys.select(kept_kidneys)) / tumors.voxels
    large = tumors.voxels >= min_component_voxels
    shaped = (ratios[0] <= ratio) & (ratio <= ratios[1])
    inside = overlap >= tumor_kidney_overlap
    tests = np.rec.fromarrays(
        [tumors.voxels, ratio, overlap, large, shaped, inside, large & shaped & inside],
        names="voxels,ratio,overlap,large,shaped,inside,kept",
    )
    return Filtered(kidneys, tumors, kept_kidneys, tests)
