"""The paper's statistical post-processing filter (section 2.2)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from kidney_tumor.data.stages import merge
from kidney_tumor.errors import UserError
from kidney_tumor.files import read_json
from kidney_tumor.filter.constraints import (
    CONSTRAINTS,
    ON_COMPONENTS,
    STEPS,
    UNITS,
    Bounds,
    FilterOptions,
    RatioRange,
)
from kidney_tumor.volumes.components import (
    VOXELS,
    Components,
    compute_eigenvalues,
    compute_ratio,
    fill_holes,
    find_components,
    mark_largest,
    unite,
)
from kidney_tumor.volumes.masks import Mask, Masks, RunLengthMask, Spacing, encode

EXAMPLE = '{"low": 1.07, "high": 2.8, "unit": "voxel"}'
"""The paper's range, as the file has it."""
LARGEST = 1e9
"""The number from which on no eigenvalue ratio of a tumor can be."""
SWAPPED = 0.5
"""The share of the kidney mask inside a tumor mask as large from which on the two are likely swapped, or the same."""


@dataclass(frozen=True)
class Candidates:
    """The tumor components of a case, and what is measured of each: arrays of shape (n,).

    Attributes:
        components: The components of the tumor mask.
        kidney: The filtered kidney mask.
        spacing: The distance between neighboring slices, rows and columns, in the unit of the ratio.
    """

    components: Components
    kidney: RunLengthMask
    spacing: Spacing

    @property
    def voxels(self) -> np.ndarray:
        """The number of voxels."""
        return self.components.voxels

    @cached_property
    def ratio(self) -> np.ndarray:
        """The ratio of the two largest eigenvalues."""
        return compute_ratio(compute_eigenvalues(self.components, self.spacing))

    @cached_property
    def inside(self) -> np.ndarray:
        """The share inside the kidney mask."""
        return self.components.count_inside(self.kidney) / self.components.voxels


@dataclass(frozen=True)
class Filtered:
    """A post-processed case, and how each constraint judges its components.

    Attributes:
        kidneys: The components of the kidney + tumor mask, with its holes filled.
        tumors: The components of the tumor mask, with its holes filled.
        kept_kidneys: Which kidney components are kept, shape (kidneys,), bool.
        spacing: The distance between neighboring slices, rows and columns in mm.
        tests: A record for each tumor component: what each constraint measures; whether it passes, by the constraint's
            verdict; whether it is rescued, which is kept although it fails one; and whether it is kept.
    """

    kidneys: Components
    tumors: Components
    kept_kidneys: np.ndarray
    spacing: Spacing
    tests: np.recarray

    def apply_steps(self) -> Iterator[tuple[str, RunLengthMask, RunLengthMask]]:
        """Apply one step after the other; yield its name, the kidney + tumor mask and the tumor mask."""
        kidney, kept = self.kidneys.runs, np.ones(len(self.tumors), bool)
        for step in STEPS:
            for constraint in (one for one in CONSTRAINTS if one.step == step):
                if constraint.measure:
                    kept = kept & self.tests[constraint.verdict]
                elif constraint.key == "kidney_components":
                    kidney = self.kidneys.select(self.kept_kidneys)
            yield step, kidney, self.tumors.select(kept | self.tests.rescued)

    @property
    def masks(self) -> Masks:
        """The two masks after all steps: kidney + tumor, to which all of the tumor belongs, and tumor."""
        *_, (_, kidney, tumor) = self.apply_steps()
        return unite(kidney, tumor), tumor

    @property
    def segmentation(self) -> np.ndarray:
        """The two masks merged: shape (slices, rows, columns), uint8, 0 background, 1 kidney, 2 tumor."""
        return merge(*self.masks)


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


def postprocess(
    kidney: Mask, tumor: Mask, spacing: Spacing, ratios: RatioRange | None, options: FilterOptions
) -> Filtered:
    """Fill holes, keep the largest kidney components, and filter the tumor components by size, shape and place.

    Args:
        kidney: The raw mask of kidney and tumor together.
        tumor: The raw mask of the tumor, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.
        ratios: The accepted eigenvalue ratios, both ends included; None for any ratio, which is measured in voxels.
        options: The constraints; of their percentiles `ratios` is what follows.

    Raises:
        UserError: The masks differ in shape, or the overlap in the options is not a share from 0 to 1.
    """
    if not 0 <= options.tumor_kidney_overlap <= 1:
        raise UserError(
            f"the tumor's overlap with the kidney is a share from 0 to 1, not {options.tumor_kidney_overlap:g}"
        )
    kidney, tumor = encode(kidney), encode(tumor)
    if kidney.shape != tumor.shape:
        raise UserError(f"the kidney mask has shape {kidney.shape}, the tumor mask {tumor.shape}; predict both again")
    if options.fill_holes:
        kidney, tumor = fill_holes(kidney), fill_holes(tumor)
    kidneys, tumors = find_components(kidney), find_components(tumor)
    count = len(kidneys) if options.kidney_components is None else options.kidney_components
    kept_kidneys = mark_largest(kidneys, count)
    in_mm = ratios is not None and ratios.unit == "mm"
    candidates = Candidates(tumors, kidneys.select(kept_kidneys), spacing if in_mm else VOXELS)
    accepted = (ratios.low, ratios.high) if ratios else None
    limits = {one.key: getattr(options, one.key) for one in ON_COMPONENTS} | {"percentiles": accepted}
    bounds = {one.key: one.bounds(limits[one.key]) for one in ON_COMPONENTS if limits[one.key] != one.off}
    tests = judge(candidates, bounds, options.keep_best)
    return Filtered(kidneys, tumors, kept_kidneys, spacing, tests)


def judge(candidates: Candidates, bounds: Mapping[str, Bounds], keep_best: bool) -> np.recarray:
    """Judge each tumor component by each constraint.

    With `keep_best`, if none passes, the one that is nearest to passing is rescued; of equally near ones, the largest,
    then the first. A constraint is missed by a factor, of 2 for half the voxels that it asks for, and the distance is
    the product of a component's factors: infinite outside the kidney mask, for example.

    Args:
        candidates: The tumor components.
        bounds: The lowest and the highest value of its measure that passes, for each constraint that counts.
        keep_best: Whether a component is rescued.

    Returns:
        The records that `Filtered.tests` describes.
    """
    passed, distance = np.ones(len(candidates.voxels), bool), np.ones(len(candidates.voxels))
    columns: dict[str, np.ndarray] = {one.measure: getattr(candidates, one.measure) for one in ON_COMPONENTS}
    for constraint in ON_COMPONENTS:
        low, high = bounds.get(constraint.key, (-np.inf, np.inf))
        measure = columns[constraint.measure]
        columns[constraint.verdict] = (low <= measure) & (measure <= high)
        passed &= columns[constraint.verdict]
        if constraint.key in bounds:
            with np.errstate(divide="ignore", over="ignore"):
                distance *= np.maximum(low / measure, 1) * np.maximum(measure / high, 1)
    rescued = np.zeros(len(passed), bool)
    if keep_best and len(passed) and not passed.any():
        rescued[np.lexsort((-candidates.voxels, distance))[0]] = True
    columns |= {"rescued": rescued, "kept": passed | rescued}
    return np.rec.fromarrays(columns.values(), dtype=[(name, values.dtype) for name, values in columns.items()])


def look_swapped(kidney: RunLengthMask, tumor: RunLengthMask) -> bool:
    """Return whether the kidney mask, of kidney and tumor, has no more voxels than the tumor mask and is mostly in it.

    Networks may mark other organs, too, so it need not lie in it wholly.
    """
    if kidney.shape != tumor.shape or not 0 < kidney.voxels <= tumor.voxels:
        return False
    return kidney.count_common(tumor).sum() >= SWAPPED * kidney.voxels


def read_ratio_range(path: Path) -> RatioRange | None:
    """Read the range of accepted eigenvalue ratios from `ratio_range.json`; None if it accepts all.

    A file that names no unit has ratios in voxels, like the paper's.

    Raises:
        UserError: The file is missing or damaged, or its numbers are no range that a ratio can lie in.
    """
    record = read_json(path, "low", "high")
    low, high, unit = record["low"], record["high"], record.get("unit", UNITS[0])
    if unit not in UNITS:
        raise UserError(f"{path}: unit is {json.dumps(unit)[:40]}; expected voxel or mm, as in {EXAMPLE}")
    if low is None and high is None:
        return None
    for name, end in (("low", low), ("high", high)):
        if isinstance(end, bool) or not isinstance(end, (int, float)) or not 0 <= end < LARGEST:
            raise UserError(f"{path}: {name} is {json.dumps(end)[:40]}; expected a number, as in {EXAMPLE}")
    if low > high:
        raise UserError(
            f"{path}: low is {low:g} and high {high:g}; expected the smaller number as low, as in {EXAMPLE}"
        )
    if high < 1:
        raise UserError(f"{path}: high is {high:g}, but every ratio is 1 or more; expected a range such as {EXAMPLE}")
    return RatioRange(low, high, unit)
