"""The paper's statistical post-processing filter (section 2.2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kits.cli import UserError
from kits.data.nifti import KIDNEY, TUMOR
from kits.filter.components import (
    Components,
    compute_eigenvalues,
    compute_ratio,
    fill_holes,
    find_components,
    mark_largest,
)
from kits.filter.masks import RunLengthMask
from kits.filter.options import FilterOptions

DEFAULTS = FilterOptions()
EVERY_RATIO = (-np.inf, np.inf)
"""Accepts a tumor of any shape."""


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

    def steps(self) -> Iterator[tuple[str, RunLengthMask, RunLengthMask]]:
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


def derive_ratio_range(ratios: np.ndarray, percentiles: Sequence[float]) -> tuple[float, float]:
    """The accepted eigenvalue ratios: two percentiles over the ratios of all labeled tumors, linear between ranks.

    Infinite ratios (components without a second axis) are left out.

    Raises:
        UserError: no finite ratio.
    """
    finite = ratios[np.isfinite(ratios)]
    if not len(finite):
        raise UserError("no labeled case shows a tumor large enough to measure; the filter needs at least one")
    low, high = np.percentile(finite, percentiles)
    return float(low), float(high)


def merge(kidney: RunLengthMask, tumor: RunLengthMask) -> np.ndarray:
    """One KiTS19 label volume of two masks of the same shape, uint8: tumor over kidney."""
    volume = np.zeros(kidney.shape, np.uint8, order="F")
    kidney.paint(volume, KIDNEY)
    tumor.paint(volume, TUMOR)
    return volume


def close(runs: RunLengthMask, iterations: int) -> RunLengthMask:
    """Binary closing with the 6-connected cross; the volume's border does not erode what touches it."""
    if not iterations:
        return runs
    from scipy import ndimage  # off by default, and a third of the time this script takes to start

    padded = ndimage.binary_closing(np.pad(runs.to_volume(), iterations), iterations=iterations)
    return RunLengthMask.from_mask(padded[(slice(iterations, -iterations),) * padded.ndim])


def postprocess(
    kidney: RunLengthMask,
    tumor: RunLengthMask,
    ratios: tuple[float, float],
    options: FilterOptions = DEFAULTS,
) -> Filtered:
    """Fill holes, keep the largest kidneys, and filter the tumors by shape and place.

    Args:
        kidney: The raw mask of kidney and tumor together.
        tumor: The raw mask of the tumor, of the same shape.
        ratios: The lowest and the highest accepted eigenvalue ratio, both included.
        options: The constraints; their percentiles are not looked at, since `ratios` follows from them.

    Raises:
        UserError: The masks differ in shape, or the overlap is no share.
    """
    if not 0 <= options.tumor_kidney_overlap <= 1:
        raise UserError(
            f"the tumor's overlap with the kidney is a share from 0 to 1, not {options.tumor_kidney_overlap:g}"
        )
    if kidney.shape != tumor.shape:
        raise UserError(f"the kidney mask has shape {kidney.shape}, the tumor mask {tumor.shape}; predict both again")
    if options.fill_holes:
        kidney, tumor = (fill_holes(close(mask, options.closing_iterations)) for mask in (kidney, tumor))
    kidneys, tumors = find_components(kidney), find_components(tumor)
    kept_kidneys = mark_largest(
        kidneys, len(kidneys) if options.kidney_components is None else options.kidney_components
    )
    ratio = compute_ratio(compute_eigenvalues(tumors))
    overlap = tumors.count_inside(kidneys.select(kept_kidneys)) / tumors.voxels
    large = tumors.voxels >= options.min_component_voxels
    shaped = (ratios[0] <= ratio) & (ratio <= ratios[1])
    inside = overlap >= options.tumor_kidney_overlap
    tests = np.rec.fromarrays(
        [tumors.voxels, ratio, overlap, large, shaped, inside, large & shaped & inside],
        names="voxels,ratio,overlap,large,shaped,inside,kept",
    )
    return Filtered(kidneys, tumors, kept_kidneys, tests)
