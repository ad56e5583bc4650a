"""A phantom as varied as patients (`phantom.variety: wide`): its body, its organs, its contrast phase."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kidney_tumor.phantom import trunk, urinary, viscera
from kidney_tumor.phantom.contrast import Contrast, draw_contrast
from kidney_tumor.phantom.solids import Ellipsoid, make_tube
from kidney_tumor.volumes.labels import KIDNEY

FUSED = 0.06
"""The share of patients with a horseshoe kidney; it is 1 in 400 (Natsis et al. 2014), here more, to be learned."""


def draw_kidneys(
    rng: np.random.Generator, body: trunk.Body, contrast: Contrast, sides: Sequence[int]
) -> list[urinary.Kidney]:
    """Draw the kidneys: the right one lower, some low, small or fused; a single one is large."""
    kidneys = []
    common, push = np.exp(rng.normal(0, 0.06)), max(body.depth - 80, 0)
    fused = len(sides) == 2 and rng.random() < FUSED
    drop = rng.uniform(10, 80) if fused else 0.0
    for side in sides:
        size = common * (1.18 if len(sides) == 1 else 1.0)
        size *= rng.uniform(0.5, 0.8) if rng.random() < 0.06 and not fused else 1.0
        low = drop or (rng.uniform(30, 110) if rng.random() < (0.15 if side > 0 else 0.25) else 0.0)
        y = body.spine - 17 - 0.35 * push - 0.4 * low + rng.normal(0, 7)
        x = rng.normal(66, 6) + 0.3 * (body.width - 126) + 0.15 * low - (24 if fused else 0)
        center = np.array([rng.normal(-8 if side > 0 else 8, 5 if fused else 17) + low, y, side * x])
        kidneys.append(
            urinary.draw_kidney(rng, side, center, size, contrast, turned=rng.uniform(0.4, 1.1) if fused else 0.0)
        )
    if fused:
        ends = [kidney.lower_pole for kidney in kidneys]
        middle = np.mean(ends, 0) * (1, 0, 1) + (0, min(body.spine - 45, ends[0][1]), 0)
        thick = rng.uniform(8, 17)
        kidneys[0].parts.extend(
            make_tube(end, 1.3 * middle - 0.3 * end, (thick, thick * 0.8), contrast["cortex"], label=KIDNEY)
            for end in ends
        )
    return kidneys


def draw_anatomy(rng: np.random.Generator, solitary: bool) -> tuple[list[Ellipsoid], trunk.Body]:
    """Draw everything inside the skin, in the order of painting: what comes later covers what came before."""
    contrast = draw_contrast(rng)
    body = trunk.draw_body(rng, contrast)
    sides = [int(rng.choice([-1, 1]))] if solitary else [-1, 1]
    kidneys = draw_kidneys(rng, body, contrast, sides)
    lesions = urinary.draw_cysts(rng, kidneys) + urinary.draw_tumors(rng, kidneys, contrast)
    stalks = [
        make_tube(kidney.hilum, (kidney.hilum[0] - 8, body.spine - 28, at), radius, contrast[vessel])
        for kidney in kidneys
        for vessel, at, radius in (("aorta", 8, 3.0), ("cava", -20, 5.0))
    ]
    rims = [Ellipsoid(one.center, np.add(one.radii, 3), -95, tilt=one.tilt, texture=8) for one in lesions]
    solids = [
        *trunk.draw_wall(rng, body),
        *trunk.draw_chest(rng, body, contrast),
        *trunk.draw_muscles(rng, body),
        *viscera.draw_strays(rng, body, contrast),
        *viscera.draw_bowel(rng, body, contrast),
        *viscera.draw_liver(rng, body, contrast),
        *viscera.draw_spleen(rng, body, contrast),
        *viscera.draw_glands(rng, body, contrast),
        *viscera.draw_pelvis(rng, body, contrast),
        *trunk.draw_vessels(rng, body, contrast),
        *trunk.draw_bones(rng, body),
        *(part for kidney in kidneys for part in kidney.fat),
        *rims,
        *stalks,
        *(part for kidney in kidneys for part in kidney.parts),
        *lesions,
    ]
    return [_vary(rng, solid) for solid in solids], body


def _vary(rng: np.random.Generator, solid: Ellipsoid) -> Ellipsoid:
    """Vary attenuation and structure of a solid, so that neither tells which organ it is."""
    texture = solid.texture * np.exp(rng.normal(0, 0.6))
    return replace(solid, hu=solid.hu + rng.normal(0, 0.04) * abs(solid.hu), texture=texture)
