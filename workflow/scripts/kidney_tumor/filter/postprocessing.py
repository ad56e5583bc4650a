"""The paper's statistical post-processing filter (section 2.2)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kidney_tumor.errors import UserError
from kidney_tumor.files import read_json
from kidney_tumor.filter.options import FilterOptions
from kidney_tumor.volumes.components import (
    Components,
    compute_eigenvalues,
    compute_ratio,
    fill_holes,
    find_components,
    mark_largest,
)
from kidney_tumor.volumes.labels import KIDNEY, TUMOR
from kidney_tumor.volumes.masks import RunLengthMask

DEFAULTS = FilterOptions()
EVERY_RATIO = (-np.inf, np.inf)
"""The range of eigenvalue ratios that accepts a tumor of any shape."""
EXAMPLE = '{"low": 1.07, "high": 2.8}'
"""The paper's range, as the file has it."""
LARGEST = 1e9
"""The number from which on no eigenvalue ratio of a tumor can be."""
OUTCOMES = ("rescued", "kept")
"""What follows for a tumor component from the verdicts of all constraints."""
SWAPPED = 0.95
"""The share of the kidney mask inside the tumor mask from which on the two are likely swapped, or the same."""


@dataclass(frozen=True)
class Filtered:
    """A post-processed case, and how each constraint judges its components.

    Attributes:
        kidneys: The components of the kidney + tumor mask, with its holes filled.
        tumors: The components of the tumor mask, with its holes filled.
        kept_kidneys: Which kidney components are kept, shape (kidneys,), bool.
        tests: A record for each tumor component: its voxels, its eigenvalue ratio and its overlap with the kidney;
            whether it is large, shaped and inside enough for the three constraints; whether it is rescued, which is
            kept although it fails one; and whether it is kept.
    """

    kidneys: Components
    tumors: Components
    kept_kidneys: np.ndarray
    tests: np.recarray

    def apply_steps(self) -> Iterator[tuple[str, RunLengthMask, RunLengthMask]]:
        """Apply one constraint after the other; yield its name, the kidney + tumor mask and the tumor mask."""
        yield "fill_holes", self.kidneys.runs, self.tumors.runs
        kidney, kept = self.kidneys.select(self.kept_kidneys), self.tests.large
        yield "components", kidney, self.tumors.select(kept | self.tests.rescued)
        for name, verdict in (("ratio", self.tests.shaped), ("overlap", self.tests.inside)):
            kept = kept & verdict
            yield name, kidney, self.tumors.select(kept | self.tests.rescued)

    @property
    def segmentation(self) -> np.ndarray:
        """The two masks merged: shape (slices, rows, columns), uint8, 0 background, 1 kidney, 2 tumor."""
        *_, (_, kidney, tumor) = self.apply_steps()
        return merge(kidney, tumor)


def derive_ratio_range(ratios: np.ndarray, percentiles: Sequence[float]) -> tuple[float, float]:
    """Derive the range of accepted eigenvalue ratios: two percentiles of the labeled tumors' ratios, shape (n,).

    Percentiles are interpolated linearly. Infinite ratios (components without a second axis) are left out.

    Raises:
        UserError: No ratio is finite.
    """
    finite = ratios[np.isfinite(ratios)]
    if not len(finite):
        raise UserError("no labeled case shows a tumor large enough to measure; the filter needs at least one")
    low, high = np.percentile(finite, percentiles)
    return float(low), float(high)


def merge(kidney: RunLengthMask, tumor: RunLengthMask) -> np.ndarray:
    """Merge two masks of the same shape into a KiTS19 label volume, uint8, in which tumor overwrites kidney."""
    volume = np.zeros(kidney.shape, np.uint8, order="F")
    kidney.paint(volume, KIDNEY)
    tumor.paint(volume, TUMOR)
    return volume


def close(runs: RunLengthMask, iterations: int) -> RunLengthMask:
    """Close a mask with the 6-connected cross; foreground at the volume's border is not eroded from outside."""
    if not iterations:
        return runs
    from scipy import ndimage  # off by default, and slow to import

    padded = ndimage.binary_closing(np.pad(runs.to_volume(), iterations), iterations=iterations)
    return RunLengthMask.from_mask(padded[(slice(iterations, -iterations),) * padded.ndim])


def postprocess(
    kidney: RunLengthMask,
    tumor: RunLengthMask,
    ratios: tuple[float, float],
    options: FilterOptions = DEFAULTS,
) -> Filtered:
    """Fill holes, keep the largest kidney components, and filter the tumor components by size, shape and place.

    Args:
        kidney: The raw mask of kidney and tumor together.
        tumor: The raw mask of the tumor, of the same shape.
        ratios: The lowest and the highest accepted eigenvalue ratio, both included.
        options: The constraints; their percentiles are not used, since `ratios` follows from them.

    Raises:
        UserError: The masks differ in shape, or the overlap in the options is not a share from 0 to 1.
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
    passed = large & shaped & inside
    rescued = np.zeros(len(tumors), bool)
    if options.keep_best and len(tumors) and not passed.any():
        rescued[find_nearest(tumors.voxels, ratio, overlap, ratios, options)] = True
    tests = np.rec.fromarrays(
        [tumors.voxels, ratio, overlap, large, shaped, inside, rescued, passed | rescued],
        names=["voxels", "ratio", "overlap", "large", "shaped", "inside", *OUTCOMES],
    )
    return Filtered(kidneys, tumors, kept_kidneys, tests)


def find_nearest(
    voxels: np.ndarray, ratio: np.ndarray, overlap: np.ndarray, ratios: tuple[float, float], options: FilterOptions
) -> int:
    """Find the tumor component that is nearest to passing; of equally near ones, the largest, then the first.

    A constraint is missed by a factor, of 2 for half the voxels that it asks for, and the distance is the product of a
    component's factors. It is infinite outside the kidney mask, and, where the ratio counts, for a component without a
    second axis.

    Args:
        voxels: The number of voxels of each component, shape (n,).
        ratio: Its eigenvalue ratio, shape (n,).
        overlap: Its share inside the kidney mask, shape (n,).
        ratios: The lowest and the highest accepted eigenvalue ratio.
        options: The other constraints.
    """
    with np.errstate(divide="ignore", over="ignore"):
        distance = np.maximum(options.min_component_voxels / voxels, 1)
        if ratios != EVERY_RATIO:
            distance *= np.maximum(ratios[0] / ratio, 1) * np.maximum(ratio / ratios[1], 1)
        if options.tumor_kidney_overlap:
            distance *= np.maximum(options.tumor_kidney_overlap / overlap, 1)
    return int(np.lexsort((-voxels, distance))[0])


def look_swapped(kidney: RunLengthMask, tumor: RunLengthMask) -> bool:
    """Return whether the kidney mask, of kidney and tumor, has no more voxels than the tumor mask, and lies in it."""
    if kidney.shape != tumor.shape or not 0 < kidney.voxels <= tumor.voxels:
        return False
    return kidney.count_common(tumor).sum() >= SWAPPED * kidney.voxels


def read_ratio_range(path: Path, ratio: bool) -> tuple[float, float]:
    """Read the range of accepted eigenvalue ratios from `ratio_range.json`; without the constraint, it accepts all.

    Raises:
        UserError: The file is missing or damaged, or its numbers are no range that a ratio can lie in.
    """
    record = read_json(path, "low", "high")
    low, high = record["low"], record["high"]
    for name, end in (("low", low), ("high", high)):
        if isinstance(end, bool) or not isinstance(end, (int, float)) or not 0 <= end < LARGEST:
            raise UserError(f"{path}: {name} is {json.dumps(end)[:40]}; expected a number, as in {EXAMPLE}")
    if low > high:
        raise UserError(
            f"{path}: low is {low:g} and high {high:g}; expected the smaller number as low, as in {EXAMPLE}"
        )
    if high < 1:
        raise UserError(f"{path}: high is {high:g}, but every ratio is 1 or more; expected a range such as {EXAMPLE}")
    return (low, high) if ratio else EVERY_RATIO
