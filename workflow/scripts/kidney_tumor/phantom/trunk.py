"""The trunk around the organs, as varied as patients': its wall, muscles, bones, lungs and large vessels."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kidney_tumor.phantom.contrast import Contrast
from kidney_tumor.phantom.solids import FAT, Ellipsoid, draw_lobes, draw_organ, draw_rotation, make_tube

TALL = 900.0
"""The radius along the body's axis, in mm, of what is alike at all heights."""
SIDES = (-1, 1)
"""The sides of the body: the signs of x, the patient's right and left."""


@dataclass(frozen=True)
class Body:
    """The size of a body.

    Attributes:
        width: Half of the cavity's width, at the kidneys' level, in mm.
        depth: Half of its depth in mm.
        height: The body's height, with 1 for the mean.
        wall: The thickness of the muscular wall in mm.
        fat: The thickness of the fat under the skin at the side, in front and behind in mm.
        muscle: The attenuation of muscle in HU.
    """

    width: float
    depth: float
    height: float
    wall: float
    fat: tuple[float, float, float]
    muscle: float

    def locate(self, z: float, y: float, x: float) -> np.ndarray:
        """Locate a place that is given for a mean body, (z, y, x) in mm."""
        return np.array([z * self.height, y * self.depth / 80, x * self.width / 126])

    @property
    def cavity(self) -> Ellipsoid:
        """The space inside the muscular wall, which holds the organs."""
        return Ellipsoid((0, 0, 0), (TALL, self.depth, self.width), 0)

    @property
    def spine(self) -> float:
        """The y of the vertebral bodies' center in mm."""
        return self.depth - 20

    @property
    def half_width(self) -> float:
        """Half of the whole body's width in mm."""
        return self.width + self.wall + self.fat[0]


def draw_body(rng: np.random.Generator, contrast: Contrast) -> Body:
    """Draw a body, thin to obese: an adult's trunk is 28 to 46 cm wide and 18 to 36 cm deep."""
    obese = rng.normal(0, 1)
    side, front, back = np.exp(np.log((16, 18, 14)) + 0.5 * obese + rng.normal(0, 0.3, 3)).clip(3, 70)
    return Body(
        width=np.clip(128 + 9 * obese + rng.normal(0, 7), 100, 175),
        depth=np.clip(82 + 10 * obese + rng.normal(0, 6), 58, 130),
        height=rng.normal(1, 0.07),
        wall=rng.uniform(9, 19),
        fat=(side, front, back),
        muscle=contrast["muscle"] - rng.uniform(0, 15) * (rng.random() < 0.4),
    )


def draw_wall(rng: np.random.Generator, body: Body) -> list[Ellipsoid]:
    """Draw skin, subcutaneous fat, muscular wall and the fat of the cavity, and the arms if they lie beside it."""
    _, front, back = body.fat
    outer = np.array([body.depth + body.wall + 8 + (front + back) / 2, body.half_width])
    lobes = draw_lobes(rng, 0.012)
    skin, fat = (
        Ellipsoid((0, (back - front) / 2, 0), (TALL, *(outer + more)), hu, texture=8, lobes=lobes)
        for more, hu in ((1.5, rng.normal(30, 20)), (0, rng.normal(FAT - 3, 6)))
    )
    wall = (TALL, body.depth + body.wall + 8, body.width + body.wall)
    muscle = Ellipsoid((0, 4, 0), wall, body.muscle, texture=rng.uniform(5, 20))
    parts = [skin, fat, muscle, replace(body.cavity, hu=rng.normal(FAT + 4, 6), texture=rng.uniform(4, 18))]
    if rng.random() < 0.15:
        for side in SIDES:
            place = (rng.uniform(-50, 100), rng.uniform(-40, 60), side * (body.half_width + rng.uniform(42, 60)))
            for radius, hu in ((42, FAT), (34, body.muscle), (13, 500), (7, 100)):
                parts.append(Ellipsoid(place, (rng.uniform(250, 450), radius, radius), hu, texture=8))
    return parts


def draw_muscles(rng: np.random.Generator, body: Body) -> list[Ellipsoid]:
    """Draw psoas, quadratus lumborum and the muscles of back, diaphragm, pelvis and buttocks, on both sides."""
    parts, spine, high = [], body.spine, body.height
    strong, streaky = np.exp(rng.normal(0, 0.18)), rng.uniform(5, 18)
    for side in SIDES:
        more: dict[str, Any] = {"texture": streaky, "lobes": draw_lobes(rng, 0.05)}
        tubes = [  # the start, the end and the radii; the first three are the psoas, each within the next
            ((-75, spine - 3, side * 20), (30, spine - 2, side * 40), (9, 8)),
            ((-14, spine - 2, side * 33), (114, spine - 6, side * 49), (17, 15)),
            ((60, spine - 6, side * 39), (220, spine - 37, side * 75), (23, 21)),
            ((-45, spine + 14, side * 52), (110, spine + 8, side * 84), (10, 19)),
            ((-190, spine - 8, side * 10), (10, spine - 14, side * 22), (6, 10)),
        ]
        for start, end, (first, second) in tubes:
            low, top = (np.multiply(place, (high, 1, 1)) for place in (start, end))
            parts.append(make_tube(low, top, (first * strong, second * strong), body.muscle + 3, **more))
        hip = body.locate(185, 25, side * 66), body.locate(265, 0, side * 82)
        parts.append(make_tube(*hip, (15 * strong, 18 * strong), body.muscle, **more))
        back = (0, spine + 32 + rng.normal(0, 3), side * rng.normal(35, 3))
        parts += [
            Ellipsoid(back, (800, 22 * strong, 31 * strong), body.muscle, **more),
            Ellipsoid(body.locate(150, 38, side * 78), (55, 10 * strong, 34), body.muscle, **more),
            draw_organ(rng, body.locate(235, 88, side * 72), (85, 38, 66), body.muscle, streaky + 5),
        ]
    return parts


def draw_bones(rng: np.random.Generator, body: Body) -> list[Ellipsoid]:
    """Draw vertebrae with disks, canal and processes; ribs; sacrum, iliac bones and femoral heads."""
    hard, spongy, spine = rng.uniform(180, 520), rng.uniform(60, 260), body.spine
    size, parts = rng.normal(1, 0.08), []
    step = 33 * body.height
    for z in np.arange(-420, 210, step) + rng.uniform(0, step):
        near = spine + (rng.normal(0, 1) if z < 120 else (z - 120) * 0.2)
        parts += [
            Ellipsoid((z + step / 2, near, 0), (step / 2, 16 * size, 21 * size), rng.normal(85, 12), texture=8),
            Ellipsoid((z, near, 0), (step * 0.46, 17 * size, 23 * size), hard, texture=40),
            Ellipsoid((z, near, 0), (step * 0.38, 14.5 * size, 20 * size), spongy, texture=rng.uniform(15, 60)),
            Ellipsoid((z, near + 27, 0), (step / 2, 14, 17), hard, texture=50),
            Ellipsoid((z, near + 25, 0), (step, 8, 10), rng.uniform(15, 45)),
            Ellipsoid((z + 6, near + 44, 0), (10, 14, 4), hard),
            *(make_tube((z, near + 12, side * 14), (z, near + 20, side * 44), (4, 6), hard) for side in SIDES),
        ]
    angle, ribs = rng.uniform(0, 0.3), rng.uniform(-20, 60)
    for z in np.arange(-420, ribs, step):
        last = 1.6 if z > ribs - 2 * step else 2.9
        for along in np.arange(0.25, last, 0.2) + angle:
            for side in SIDES:
                y, x = (body.depth + 8) * np.cos(along), side * (body.width + 8) * np.sin(along)
                parts.append(Ellipsoid((z + 16 * along, y, x), (6, 5, 9), hard * rng.uniform(0.8, 1.4), texture=60))
    parts.append(draw_organ(rng, body.locate(185, 78, 0), (48, 20, 46), spongy + 90, 70))
    for side in SIDES:
        wing = body.locate(150, 45, side * 88)
        parts += [
            Ellipsoid(wing, (58, 9, 46), hard, tilt=draw_rotation(rng, 0.15), texture=70),
            Ellipsoid(wing, (52, 5, 41), spongy, tilt=draw_rotation(rng, 0.1), texture=50),
            Ellipsoid(body.locate(255, 20, side * 88), (26, 25, 25), hard, texture=50),
        ]
    return parts


def draw_vessels(rng: np.random.Generator, body: Body, contrast: Contrast) -> list[Ellipsoid]:
    """Draw aorta, vena cava and their branches to the legs, some wide, some with calcified walls."""
    spine, parts = body.spine, []
    front = spine - 30 + rng.normal(0, 2)
    wide = rng.uniform(8, 13) if rng.random() < 0.92 else rng.uniform(15, 30)
    left, right = rng.normal(8, 5), rng.normal(-20, 4)
    fork = rng.uniform(70, 115) * body.height
    low = contrast["cava"] * rng.uniform(0.55, 1.0)
    for z in np.arange(-400, fork, 40):
        parts.append(
            Ellipsoid((z + 20, front + rng.normal(0, 1), left), (42, wide, wide), contrast["aorta"], texture=6)
        )
        cava = low if z > 0 else contrast["cava"]
        flat = rng.uniform(5, 12)
        parts.append(Ellipsoid((z + 20, front + 2, right), (42, flat, rng.uniform(9, 15)), cava, texture=8))
        if rng.random() < 0.25:
            spot = (z + rng.uniform(0, 40), front + rng.choice([-1, 1]) * wide, left)
            parts.append(Ellipsoid(spot, (6, 2, 5), rng.uniform(300, 900)))
    for side in SIDES:
        start, end = (fork - 5, front, left if side > 0 else right / 3), body.locate(230, 10, side * 62)
        parts.append(make_tube(start, end, wide * 0.6, contrast["aorta"]))
        parts.append(make_tube((fork, front + 6, right / 2), np.add(end, (0, 12, -4 * side)), 8.0, low))
    return parts


def draw_chest(rng: np.random.Generator, body: Body, contrast: Contrast) -> list[Ellipsoid]:
    """Draw lungs with their vessels, and the heart; at times fluid beside a lung."""
    parts = []
    bottom = rng.normal(-88, 22) * body.height
    for side in SIDES:
        radii = (130.0, body.depth * 0.97, body.width * 0.48)
        center = np.array([bottom - 120, 0, side * body.width * 0.52])
        if rng.random() < 0.08:
            parts.append(Ellipsoid(np.add(center, (8, 8, 0)), radii, rng.uniform(0, 30)))
        parts.append(Ellipsoid(center, radii, rng.normal(-860, 30), texture=rng.uniform(10, 60)))
        for _ in range(10):
            place = center + rng.normal(0, 0.35, 3) * radii
            parts.append(make_tube(place, place + rng.normal(0, 25, 3), rng.uniform(1.5, 4), contrast["cava"]))
    heart = (bottom - 95, -25, 22)
    parts.append(Ellipsoid(heart, rng.normal((60, 46, 56), 5), contrast["spleen"] + 20, tilt=draw_rotation(rng, 0.3)))
    return parts
