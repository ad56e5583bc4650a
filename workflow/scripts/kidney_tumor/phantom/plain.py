"""The plain anatomy of a phantom (`phantom.variety: plain`): the same ellipsoids in each body, slightly moved.

Nothing is placed to mislead a network: heart, spleen, bowel, bladder and muscle are where a body has them.
"""

from collections.abc import Sequence

import numpy as np

from kidney_tumor.phantom.solids import FAT, MUSCLE, Ellipsoid, draw_rotation
from kidney_tumor.volumes.labels import BACKGROUND, KIDNEY, TUMOR


def make_kidney(rng: np.random.Generator, side: int, enhancement: float) -> list[Ellipsoid]:
    """Make one kidney, which is cortex, medulla and the fat of its sinus. `side` is the sign of x, -1 or 1."""
    center = np.array([rng.normal(0, 12), rng.normal(42, 6), side * rng.normal(66, 5)])
    radii = np.array([57, 28, 31]) * rng.normal(1, 0.08, 3)
    tilt = draw_rotation(rng, 0.15)
    cortex = rng.normal(180, 15) * enhancement
    medulla = Ellipsoid(center, radii * 0.66, cortex - rng.uniform(20, 60), KIDNEY, tilt, 6)
    sinus = center - np.array([0, 0, side * radii[2] * 0.75])
    return [
        Ellipsoid(center, radii, cortex, KIDNEY, tilt, 6),
        medulla,
        Ellipsoid(sinus, radii * (0.45, 0.4, 0.5), FAT + 30, BACKGROUND, tilt, 15),
    ]


def pick_surface_point(rng: np.random.Generator, host: Ellipsoid, depth: float) -> np.ndarray:
    """Pick a point, (z, y, x) in mm, at `depth` (1 is the surface) of an ellipsoid, away from the body's axis."""
    direction = rng.normal(0, 1, 3) * (0.8, 1, 1)
    direction[2] = abs(direction[2]) * np.sign(host.center[2])
    return np.array(host.center) + depth * np.array(host.radii) * direction / np.linalg.norm(direction)


def make_tumors(rng: np.random.Generator, kidneys: Sequence[Ellipsoid]) -> list[Ellipsoid]:
    """Make one tumor, in one of twenty cases two, of varied size, shape and contrast, some with a necrotic core.

    Number, size and shape are KiTS19's: of its 210 cases some 200 have one tumor; the geometric mean radius of the
    largest is some 20 mm, and its logarithm has a standard deviation of 0.55.
    """
    found = []
    for _ in range(rng.choice([1, 2], p=[0.95, 0.05])):
        host = kidneys[int(rng.integers(len(kidneys)))]
        radius = np.exp(rng.normal(np.log(20), 0.55)).clip(7, 55)
        radii = radius * np.exp(rng.normal(0, 0.08, 3))
        tilt, hu = draw_rotation(rng, 1.0), rng.uniform(0.4, 0.75) * host.hu
        center = pick_surface_point(rng, host, rng.uniform(0.5, 0.95))
        found.append(Ellipsoid(center, radii, hu, TUMOR, tilt, 30))
        if radius > 20:
            found.append(Ellipsoid(center, radii * rng.uniform(0.3, 0.6), rng.uniform(15, 40), TUMOR, tilt, 20))
    return found


def make_cysts(rng: np.random.Generator, kidneys: Sequence[Ellipsoid]) -> list[Ellipsoid]:
    """Make simple cysts, which hold water and are labeled kidney as in KiTS19."""
    count = rng.choice([0, 0, 1, 2])
    hosts = [kidneys[int(rng.integers(len(kidneys)))] for _ in range(count)]
    return [
        Ellipsoid(pick_surface_point(rng, host, rng.uniform(0.8, 1)), np.full(3, rng.uniform(6, 14)), 8, KIDNEY)
        for host in hosts
    ]


def make_bowel(rng: np.random.Generator) -> list[Ellipsoid]:
    """Make bowel with fluid, stool or gas: small in front and below, colon at both sides and in the pelvis."""
    centers = [(rng.uniform(-30, 170), rng.uniform(-65, 5), rng.uniform(-95, 95)) for _ in range(22)]
    centers += [(z, rng.normal(15, 6), side * rng.normal(108, 4)) for z in range(-30, 130, 32) for side in (-1, 1)]
    centers += [(rng.uniform(95, 170), rng.uniform(25, 65), rng.uniform(-45, 45)) for _ in range(4)]
    loops = []
    for center in centers:
        radii, tilt = rng.uniform((16, 11, 14), (34, 20, 26)), draw_rotation(rng, 0.6)
        contents = rng.choice([20, 40, 110, -850], p=[0.35, 0.3, 0.15, 0.2])
        loops += [
            Ellipsoid(center, radii, rng.uniform(80, 140), BACKGROUND, tilt, 10),
            Ellipsoid(center, radii - 4, contents, BACKGROUND, tilt, 12),
        ]
    return loops


def make_skeleton(rng: np.random.Generator) -> list[Ellipsoid]:
    """Make vertebrae with their canal, ribs as shells of the chest wall, and iliac bones."""
    bones = []
    for z in np.arange(-230, 230, 34) + rng.uniform(0, 34):
        bones += [
            Ellipsoid((z, 58, 0), (15, 17, 23), rng.normal(330, 25), texture=40),
            Ellipsoid((z, 58, 0), (12, 14, 20), rng.normal(190, 15), texture=25),
            Ellipsoid((z, 82, 0), (17, 8, 9), 40),
            Ellipsoid((z, 96, 0), (9, 9, 5), 420),
        ]
        if z < 10:
            angle = rng.uniform(0, 0.3)
            for turn in np.arange(0.25, 2.9, 0.24) + angle:
                for side in (-1, 1):
                    y, x = 92 * np.cos(turn), side * 142 * np.sin(turn)
                    bones.append(Ellipsoid((z + 14 * turn, y, x), (6, 5, 11), 480, texture=60))
    for side in (-1, 1):
        bones.append(Ellipsoid((150, 45, side * 85), (60, 8, 45), 420, tilt=draw_rotation(rng, 0.1), texture=60))
    return bones


def make_fat_capsules(solids: Sequence[Ellipsoid], thickness: float = 4) -> list[Ellipsoid]:
    """Make the perirenal fat that surrounds kidneys and tumors, `thickness` mm thick."""
    return [
        Ellipsoid(solid.center, np.add(solid.radii, thickness), FAT, tilt=solid.tilt, texture=8) for solid in solids
    ]


def make_anatomy(rng: np.random.Generator, solitary: bool) -> list[Ellipsoid]:
    """Make everything inside the skin, in the order of painting: what comes later covers what came before."""
    enhancement = rng.uniform(0.75, 1.1)  # contrast phase
    sides = [int(rng.choice([-1, 1]))] if solitary else [-1, 1]
    parts = [make_kidney(rng, side, enhancement) for side in sides]
    kidneys = [part[0] for part in parts]
    lesions = make_cysts(rng, kidneys) + make_tumors(rng, kidneys)
    tall = (400, 1, 1)
    return [
        Ellipsoid((0, 0, 0), np.multiply(tall, (1, 112, 160)), FAT, texture=8),
        Ellipsoid((0, 0, 0), np.multiply(tall, (1, 96, 142)), MUSCLE, texture=10),
        Ellipsoid((0, -8, 0), np.multiply(tall, (1, 78, 126)), FAT + 10, texture=12),
        *(Ellipsoid((-205, 0, side * 72), (105, 78, 60), -850, texture=40) for side in (-1, 1)),
        Ellipsoid((-205, -25, 18), (58, 45, 52), 165 * enhancement, texture=8),
        *(Ellipsoid((90, 60, side * 38), (150, 20, 19), MUSCLE + 8, texture=8) for side in (-1, 1)),
        *(Ellipsoid((190, 80, side * 70), (75, 30, 60), MUSCLE + 5, texture=10) for side in (-1, 1)),
        *make_bowel(rng),
        Ellipsoid((-75, -15, -62), rng.normal((85, 68, 72), 4), 105 * enhancement, texture=8),
        Ellipsoid((-85, -45, 55), (45, 30, 48), rng.choice([30, -400]), texture=15),
        Ellipsoid(
            (-80, 30, 92), rng.normal((48, 32, 26), 3), 125 * enhancement, tilt=draw_rotation(rng, 0.2), texture=8
        ),
        Ellipsoid((-25, 5, 10), (18, 12, 60), 100 * enhancement, tilt=draw_rotation(rng, 0.2), texture=10),
        Ellipsoid((175, -15, 0), (32, 32, 40), 10, texture=5),
        Ellipsoid((-50, 32, 12), np.multiply(tall, (0.5, 11, 11)), 190 * enhancement, texture=5),
        Ellipsoid((0, 32, -18), np.multiply(tall, (0.5, 10, 13)), 150 * enhancement, texture=5),
        *make_skeleton(rng),
        *make_fat_capsules(kidneys + lesions),
        *(solid for part in parts for solid in part),
        *lesions,
    ]
