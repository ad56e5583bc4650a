"""How far a scan resembles the scans on which the networks were trained: what it should be distrusted for.

The networks see no scan without a kidney in their training (paper, section 2.1.1: positive samples only), so they find
kidneys anywhere. Nothing here refuses a scan; each warning is a line beside its result.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kidney_tumor.volumes.components import find_components
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.masks import RunLengthMask, Spacing

AIR_HU = -200
"""The HU below which the lowest values of a CT lie, which shows air or at least fat around the body."""
HIGHEST_HU = 4000
"""The HU above which no considerable part of a CT lies; metal is measured as 3071 by many scanners."""
TOLERANCE = 1.25
"""The factor by which lengths may lie outside the range of the training cases."""
HU_TOLERANCE = 200
"""The HU by which percentiles may lie outside the range of the training cases."""
VOLUME_TOLERANCE = 1.5
"""The factor by which the kidneys' volume may lie outside the range of the training cases."""
UNLIKE = 1.4
"""The factor by which the kidneys may differ in volume: the 95th percentile of 69 of KiTS19's patients with two."""
UNLIKE_HU = 30
"""The difference of the kidneys' medians from which one may hold another organ, an assumption."""
FLAT = 0.4
"""The share of its largest cross-section that a kidney's end may have: 278 ends of KiTS19's labels have up to 0.38."""
SMALLEST_ML = 20
"""The volume of the smallest piece whose ends are looked at, mL."""
LENGTHS = {
    "slice_mm": "the distance between slices",
    "height_mm": "the height of the scan",
    "width_mm": "the width of its field of view",
}
HU = {
    "hu_low": "the dark end (0.5 % of the voxels are darker)",
    "hu_middle": "the median of all voxels",
    "hu_high": "the bright end (0.5 % are brighter)",
}


def describe_scan(geometry: Geometry, hu: Sequence[int]) -> dict[str, float]:
    """Describe a scan by its lengths in mm and its percentiles in HU, by the names in `LENGTHS` and `HU`.

    The size of a pixel is none of them, since the networks see slices of one number of pixels.
    """
    slice_mm, _, column_mm = geometry.spacing
    slices, _, columns = geometry.shape
    lengths = (slice_mm, slices * slice_mm, columns * column_mm)
    return dict(zip(LENGTHS, map(float, lengths), strict=True)) | dict(zip(HU, map(float, hu), strict=True))


def describe_cohort(scans: Iterable[Mapping[str, float]], kidneys_ml: Sequence[float]) -> dict[str, Any]:
    """Describe a cohort by the number of its cases and the range, [lowest, highest], of all that describes a scan.

    Args:
        scans: What `describe_scan` returns, for each case.
        kidneys_ml: The volume of each case's kidneys without tumors in mL.
    """
    scans = list(scans)
    ranges = {name: [min(scan[name] for scan in scans), max(scan[name] for scan in scans)] for name in (*LENGTHS, *HU)}
    rounded = {name: [round(limit, 3) for limit in limits] for name, limits in ranges.items()}
    volumes = [round(float(limit), 3) for limit in (min(kidneys_ml), max(kidneys_ml))]
    return {"cases": len(scans)} | rounded | {"kidney_ml": volumes}


def join_cohorts(cohorts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join the descriptions of several cohorts, on which the networks of an ensemble were trained: each range whole."""
    names = (*LENGTHS, *HU, "kidney_ml")
    return {
        name: [min(cohort[name][0] for cohort in cohorts), max(cohort[name][1] for cohort in cohorts)] for name in names
    }


def list_cuts(kidney: RunLengthMask) -> Iterator[str]:
    """List at which end of the scan the mask of kidney + tumor, whose first slice is the upmost, is cut off."""
    counts = kidney.count_by_slice()
    for end, count in (("first", counts[0]), ("last", counts[-1])):
        if count:
            yield f"what is marked as kidney reaches the {end} slice: it may be cut off there, or be another organ"


def list_flat_ends(kidney: RunLengthMask, spacing: Spacing) -> Iterator[str]:
    """List where a piece of the mask of kidney + tumor ends as no kidney does, inside the scan: with a large section.

    Args:
        kidney: The mask, whose first slice is the upmost.
        spacing: The distance between neighboring slices, rows and columns in mm.
    """
    pieces = find_components(kidney)
    volumes_ml = pieces.voxels * math.prod(spacing) / 1000
    for number in np.flatnonzero(volumes_ml >= SMALLEST_ML):
        counts = pieces.select(np.arange(len(pieces)) == number).count_by_slice()
        marked = np.flatnonzero(counts)
        for end, cut in ((marked[0], 0), (marked[-1], len(counts) - 1)):
            share = counts[end] / counts.max()
            if end != cut and share > FLAT:
                yield (
                    f"what is marked as kidney, a piece of {volumes_ml[number]:.0f} mL, ends abruptly at slice {end}, "
                    f"with {share:.0%} of its largest cross-section: does the kidney go on, or is it another organ?"
                )


def list_warnings(scan: Mapping[str, float], kidney_ml: float, cohort: Mapping[str, Any]) -> list[str]:
    """List why the segmentation of a scan should be distrusted, a sentence each.

    Args:
        scan: What `describe_scan` returns.
        kidney_ml: The volume of the segmented kidneys in mL.
        cohort: What `describe_cohort` or `join_cohorts` returns, for the training cases. A length that is not in it is
            compared with nothing.
    """
    warnings = []
    if scan["hu_low"] > AIR_HU or scan["hu_high"] > HIGHEST_HU:
        warnings.append(
            f"its values do not look like HU: 99 % of them lie from {scan['hu_low']:g} to {scan['hu_high']:g}; "
            "is it a CT, and is its scale that of HU?"
        )
    else:
        warnings += [
            f"{name} is {scan[key]:g} HU, in the training cases {cohort[key][0]:g} to {cohort[key][1]:g}"
            for key, name in HU.items()
            if not cohort[key][0] - HU_TOLERANCE <= scan[key] <= cohort[key][1] + HU_TOLERANCE
        ]
    warnings += [
        f"{name} is {scan[key]:.3g} mm, in the training cases {cohort[key][0]:.3g} to {cohort[key][1]:.3g}"
        for key, name in LENGTHS.items()
        if key in cohort and not cohort[key][0] / TOLERANCE <= scan[key] <= cohort[key][1] * TOLERANCE
    ]
    low, high = cohort["kidney_ml"]
    if kidney_ml and not low / VOLUME_TOLERANCE <= kidney_ml <= high * VOLUME_TOLERANCE:
        warnings.append(
            f"the kidneys measure {kidney_ml:.0f} mL, in the training cases {low:.0f} to {high:.0f}; "
            "are the kidneys in its field of view, and whole?"
        )
    return warnings


def list_unlike(measures: Mapping[str, float]) -> Iterator[str]:
    """List how the kidneys on both sides differ so much that one may be another organ, by the measures of a scan."""
    volumes, medians = ([measures[f"kidney_{side}_{unit}"] for side in ("left", "right")] for unit in ("ml", "hu"))
    if min(volumes) > 0 and max(volumes) > UNLIKE * min(volumes):
        yield f"the kidneys measure {volumes[0]:.0f} mL on the left and {volumes[1]:.0f} mL on the right: is one wrong?"
    if abs(medians[0] - medians[1]) > UNLIKE_HU:
        yield (
            f"what is marked as kidney has a median of {medians[0]:.0f} HU on the left and {medians[1]:.0f} HU on the "
            "right: is one another organ?"
        )
