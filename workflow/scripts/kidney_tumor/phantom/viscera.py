"""The organs beside the kidneys, as varied as patients', among them those that are taken for kidneys."""

from dataclasses import replace
from typing import Any

import numpy as np

from kidney_tumor.phantom.contrast import Contrast
from kidney_tumor.phantom.solids import FAT, Ellipsoid, Point, draw_organ, draw_rotation, make_tube, turn
from kidney_tumor.phantom.trunk import SIDES, Body


def draw_liver(rng: np.random.Generator, body: Body, contrast: Contrast) -> list[Ellipsoid]:
    """Draw the liver with a tip that may reach below the kidney, its vessels and lesions, and the gallbladder."""
    hu, shift, size = contrast["liver"], rng.normal(0, (14, 5, 5)), rng.normal(1, 0.1)
    right = body.locate(-88, -2, -72) + shift
    lobes: list[tuple[np.ndarray, Point, float]] = [
        (right, (rng.uniform(75, 115), body.depth * rng.uniform(0.9, 1.2), rng.uniform(58, 80)), 0.06),
        (body.locate(-100, -42, 5) + shift, (42, 32, 62), 0.1),
        (
            body.locate(*rng.uniform((-40, -15, -105), (45, 30, -85))) + shift,
            rng.uniform((40, 25, 18), (70, 45, 34)),
            0.1,
        ),
    ]
    if rng.random() < 0.75:  # the back of the right lobe, which lies beside the kidney or above it
        place = body.locate(*rng.uniform((-50, 20, -105), (45, 50, -80))) + shift
        lobes.append((place, rng.uniform((35, 25, 22), (80, 50, 45)), 0.08))
    common: dict[str, Any] = {"texture": rng.uniform(4, 10), "tilt": draw_rotation(rng, 0.15), "within": body.cavity}
    parts = [draw_organ(rng, at, np.multiply(radii, size), hu, uneven=rough, **common) for at, radii, rough in lobes]
    for _ in range(rng.integers(4, 14)):
        start = right + rng.normal(0, 28, 3)
        parts.append(make_tube(start, start + rng.normal(0, 30, 3), rng.uniform(2, 6), contrast["cava"]))
    for _ in range(rng.poisson(0.5)):
        lesion = np.full(3, rng.uniform(4, 30))
        parts.append(draw_organ(rng, right + rng.normal(0, 30, 3), lesion, rng.uniform(5, 90), 10))
    if rng.random() < 0.85:
        place, radii = rng.uniform((-40, -50, -70), (20, -15, -35)), rng.uniform((18, 10, 10), (38, 20, 20))
        parts.append(draw_organ(rng, body.locate(*place), radii, rng.normal(10, 8), 5, turned=0.4, uneven=0.05))
    return parts


def draw_spleen(rng: np.random.Generator, body: Body, contrast: Contrast) -> list[Ellipsoid]:
    """Draw the spleen along the wall, small to large and patchy in the arterial phase; one in thirty has none."""
    if rng.random() < 0.03:
        return []
    size = np.exp(rng.normal(0, 0.15)) * (rng.uniform(1.2, 1.7) if rng.random() < 0.1 else 1)
    center = body.locate(-85, 33, 102) + rng.normal(0, (20, 10, 8))
    radii = np.array([52, 48, 27]) * size * rng.uniform(0.85, 1.15, 3)
    spleen = draw_organ(
        rng,
        center,
        radii,
        contrast["spleen"],
        rng.uniform(15, 30) if contrast.phase == "corticomedullary" else 6,
        tilt=turn(1, 2, rng.normal(-0.6, 0.3)) @ draw_rotation(rng, 0.2),
        bend=(rng.uniform(-0.2, 0.2), rng.uniform(-0.4, 0)),
        within=body.cavity,
    )
    extra = Ellipsoid(center + rng.normal(0, 35, 3), np.full(3, rng.uniform(4, 10)), contrast["spleen"])
    return [spleen, extra] if rng.random() < 0.15 else [spleen]


def fill(rng: np.random.Generator, wall: Ellipsoid, thickness: float, content: str) -> list[Ellipsoid]:
    """Fill a hollow organ, whose wall has a thickness in mm: with fluid, contrast agent, stool or gas."""
    hu, texture = {
        "fluid": (rng.uniform(0, 35), 8.0),
        "contrast": (rng.uniform(120, 600), 20.0),
        "stool": (rng.uniform(-60, 60), rng.uniform(60, 250)),
        "gas": (rng.uniform(-980, -700), 10.0),
        "empty": (wall.hu, wall.texture),
    }[content]
    radii = np.maximum(np.asarray(wall.radii) - thickness, 2)
    parts = [wall, replace(wall, radii=radii, hu=hu, texture=texture)]
    if content in ("fluid", "contrast", "stool") and rng.random() < 0.35:
        level = float(min(radii) * rng.uniform(-0.9, 0.6))
        parts.append(replace(wall, radii=radii, hu=rng.uniform(-980, -800), texture=0.0, base=level))
    return parts


def draw_bowel(rng: np.random.Generator, body: Body, contrast: Contrast) -> list[Ellipsoid]:
    """Draw stomach, duodenum, small bowel and colon with what is in them, which is alike in neighboring loops."""
    oral = rng.random() < 0.4
    small = {"fluid": 0.45, "empty": 0.35, "gas": 0.1, "contrast": 0.6 if oral else 0.0}
    kinds = ["stool", "gas", "fluid", "empty", "contrast"]
    large = dict(zip(kinds, rng.dirichlet((2.0, 1.2, 0.6, 1.0, 1.0 if oral else 0.01)), strict=True))
    stomach = dict(zip(kinds, (0.2, 0.15, 0.35, 0.1, 0.2), strict=True))
    sides = [(side, rng.normal(24, 13), rng.normal(102, 9)) for side in SIDES]
    loops = [rng.uniform((-25, -70, -95), (230, 35, 98)) for _ in range(rng.integers(25, 110))]
    loops += [rng.uniform((-25, -5, -48), (40, 20, -25)) for _ in range(3)]  # the duodenum
    colon = [
        np.array([z, y + rng.normal(0, 6), side * (x + rng.normal(0, 5))])
        for z in range(-60, 160, 22)
        for side, y, x in sides
    ]
    colon += [np.array([rng.normal(20, 18), rng.uniform(-70, -40), x]) for x in range(-95, 100, 22)]
    colon += [rng.uniform((110, -10, -50), (200, 60, 80)) for _ in range(6)]
    hu, parts = contrast["bowel"], []
    for places, low, high, turned, thick, contents in (
        (loops, (12, 8, 10), (40, 20, 30), 0.8, (2, 4), small),
        (colon, (14, 9, 9), (30, 30, 32), 0.4, (2, 5), large),
        ([rng.normal((-85, -38, 52), (14, 8, 10))], (35, 22, 35), (60, 42, 60), 0.3, (4, 8), stomach),
    ):
        shares = np.array(list(contents.values()))
        for place in places:
            radii, bright = rng.uniform(low, high), hu * rng.uniform(0.7, 1.3)
            wall = draw_organ(rng, body.locate(*place), radii, bright, turned=turned, within=body.cavity)
            parts += fill(rng, wall, rng.uniform(*thick), str(rng.choice(list(contents), p=shares / shares.sum())))
    return parts


def draw_glands(rng: np.random.Generator, body: Body, contrast: Contrast) -> list[Ellipsoid]:
    """Draw pancreas and adrenals, at times with a mass, which lie between the kidneys and the large vessels."""
    place, parts = body.locate(-35, 5, 0) + rng.normal(0, 8, 3), []
    for start, end, radius in ((-45, 15, 14), (5, 60, 10), (50, 90, 11)):
        low, high = np.add(place, (12, 0, start)), np.add(place, (rng.uniform(-25, 5), rng.uniform(0, 15), end))
        parts.append(make_tube(low, high, (radius, radius + 3), contrast["pancreas"], texture=14))
    parts.append(
        make_tube(np.add(place, (0, 12, -30)), np.add(place, (-12, 14, 85)), rng.uniform(3, 6), contrast["cava"])
    )
    for side in SIDES:
        top = np.add(body.locate(-60, 0, side * 38), (0, body.spine - 8, 0))
        for spread in (-6, 6):
            low = np.add(top, (rng.uniform(10, 22), rng.uniform(2, 14), spread))
            parts.append(make_tube(top, low, (2.0, 5.0), contrast["spleen"] * 0.8))
        if rng.random() < 0.06:
            radii = np.exp(rng.normal(np.log(14), 0.5)) * rng.uniform(0.8, 1.2, 3)
            parts.append(draw_organ(rng, top, radii, rng.uniform(-10, 110), 15))
    return parts


def draw_pelvis(rng: np.random.Generator, body: Body, contrast: Contrast) -> list[Ellipsoid]:
    """Draw the bladder and what lies behind it, a prostate or a uterus, and the rectum."""
    gland = draw_organ(
        rng, body.locate(225, 15, rng.normal(0, 5)), rng.uniform((18, 14, 18), (50, 32, 45)), contrast["muscle"] + 25
    )
    rectum = draw_organ(rng, body.locate(215, 48, 0), (50, 18, 20), 45, 10)
    place, radii = body.locate(rng.uniform(190, 230), -20, 0), rng.uniform((18, 18, 25), (45, 45, 52))
    bladder = draw_organ(rng, place, radii, 40, uneven=0.06)
    urine = contrast["pelvis"] * rng.uniform(0.2, 1) if contrast.phase == "excretory" else rng.normal(6, 5)
    filled = replace(bladder, radii=radii - 4, hu=urine)
    return [gland, *fill(rng, rectum, 4, str(rng.choice(["stool", "gas", "empty"]))), bladder, filled]


def draw_strays(rng: np.random.Generator, body: Body, contrast: Contrast) -> list[Ellipsoid]:
    """Draw vessels and nodes of the mesentery, and bodies of any kind: nodes, masses, clips, drains."""
    parts = []
    for _ in range(rng.integers(10, 60)):
        place = body.locate(*rng.uniform((-60, -60, -70), (160, 20, 70)))
        hu = contrast["cava"] if rng.random() < 0.8 else 50
        parts.append(make_tube(place, place + rng.normal(0, 14, 3), rng.uniform(1.5, 4), hu))
    for _ in range(min(rng.poisson(4), 15)):
        place = body.locate(*rng.uniform((-160, -70, -115), (200, 70, 115)))
        radii = np.exp(rng.normal(np.log(14), 0.5)) * np.exp(rng.normal(0, 0.25, 3))
        parts.append(draw_organ(rng, place, radii, rng.uniform(FAT, 260), rng.uniform(2, 30), turned=1))
    return parts
