"""Whether what was segmented can be a body's kidneys at all: their volume, number and place, in absolute terms.

The limits are wider than what KiTS19's 210 labels show, given with each. They do not make a segmentation right: many
wrong ones lie within.
"""

from collections.abc import Iterator

import numpy as np

from kidney_tumor.scans.attenuation import collect_values
from kidney_tumor.scans.sides import find_axis
from kidney_tumor.volumes.components import Components, find_components
from kidney_tumor.volumes.masks import Mask, RunLengthMask, Spacing, encode

KIDNEY_ML = (50, 1100)
"""The volume of the kidneys without tumors: 91 to 765 mL."""
PIECE_ML = 2500
"""The volume of a kidney with its tumors: at most 1,684 mL."""
PIECE_MM = 230
"""Its height: at most 183 mm."""
APART_MM = (40, 160)
"""The least distance of two kidneys' centers from side to side and the largest in height: 114 (5 %) and 100 mm."""
SMALL = 0.02
"""The share of the largest component below which another one is no kidney, but a crumb."""
TISSUE_HU = (-30, 400)
"""The median attenuation of kidneys, with and without contrast agent."""
MIDLINE_MM = 15
"""The distance from the body's axis within which no kidney's center lies, from side to side."""
WIDE_MM = 120
"""The width from which a kidney there may be a horseshoe kidney."""


def list_faults(kidney: Mask, tumor: Mask, spacing: Spacing, images: np.ndarray) -> list[str]:
    """List why a segmentation cannot be that of a body's kidneys, a sentence each.

    Args:
        kidney: The mask of kidney + tumor.
        tumor: The mask of the tumor, of the same shape.
        spacing: The distance between neighboring slices, rows and columns in mm.
        images: The scan's extracted slices in HU, shape (slices, size, size).
    """
    kidney, tumor = encode(kidney), encode(tumor)
    if not kidney.voxels:
        return ["no kidney was found; perhaps none lies in its field of view"]
    pieces = find_components(kidney)
    pieces = find_components(pieces.select(pieces.voxels > SMALL * pieces.voxels.max()))
    voxel_ml = float(np.prod(spacing)) / 1000
    healthy = (kidney.voxels - int(kidney.count_common(tumor).sum())) * voxel_ml
    return [
        *_judge_volumes(healthy, pieces.voxels * voxel_ml),
        *_judge_places(pieces, spacing, images),
        *_judge_attenuation(pieces.runs, images),
    ]


def _judge_volumes(healthy: float, pieces: np.ndarray) -> Iterator[str]:
    """Judge the volume of the kidneys without tumors, and of each with its tumors, in mL."""
    if not KIDNEY_ML[0] <= healthy <= KIDNEY_ML[1]:
        yield f"the kidneys measure {healthy:.0f} mL, a body's {KIDNEY_ML[0]} to {KIDNEY_ML[1]}"
    if pieces.max() > PIECE_ML:
        yield f"one kidney with its tumors measures {pieces.max():.0f} mL, a body's {PIECE_ML} at most"
    if len(pieces) > 2:
        yield f"there are {len(pieces)} kidneys, a body has 2 at most"


def _judge_places(pieces: Components, spacing: Spacing, images: np.ndarray) -> Iterator[str]:
    """Judge how high each kidney is, and how they lie to each other and to the body's axis."""
    first, _, column = pieces.runs.locate_starts()
    length = pieces.runs.length
    sides = (pieces.sum_by_component(column * length) / pieces.voxels + 0.5) * spacing[2]
    heights = pieces.sum_by_component((first + length / 2) * length) / pieces.voxels * spacing[0]
    axis = find_axis(images, pieces.runs.shape[2] * spacing[2])
    for number in range(len(pieces)):
        own = pieces.owner == number
        height = ((first + length)[own].max() - first[own].min()) * spacing[0]
        width = (np.ptp(column[own]) + 1) * spacing[2]
        if height > PIECE_MM:
            yield f"one kidney is {height:.0f} mm high, a body's {PIECE_MM} at most"
        if abs(sides[number] - axis) < MIDLINE_MM and width < WIDE_MM:
            away = abs(sides[number] - axis)
            yield f"one kidney lies {away:.0f} mm from the body's axis, a body's {MIDLINE_MM} at least"
    if len(pieces) == 2:
        beside, above = abs(np.diff(sides)[0]), abs(np.diff(heights)[0])
        if beside < APART_MM[0]:
            yield f"the kidneys lie {beside:.0f} mm apart from side to side, a body's at least {APART_MM[0]}"
        if above > APART_MM[1]:
            yield f"one kidney lies {above:.0f} mm above the other, a body's {APART_MM[1]} at most"


def _judge_attenuation(kidney: RunLengthMask, images: np.ndarray) -> Iterator[str]:
    """Judge the attenuation of the kidneys, on the pixels of the slices."""
    values = collect_values(kidney, images)
    middle = float(np.median(values)) if len(values) else 0.0
    if not TISSUE_HU[0] <= middle <= TISSUE_HU[1]:
        yield f"the median of what is called kidney is {middle:.0f} HU, a body's {TISSUE_HU[0]} to {TISSUE_HU[1]}"
