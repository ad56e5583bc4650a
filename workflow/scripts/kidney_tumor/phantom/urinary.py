"""Kidneys, their cysts, stones and tumors, as varied as patients'."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kidney_tumor.phantom.contrast import Contrast
from kidney_tumor.phantom.solids import FAT, Ellipsoid, draw_lobes, draw_rotation, make_tube, turn
from kidney_tumor.volumes.labels import KIDNEY, TUMOR

Locate = Callable[[float, float, float], np.ndarray]
"""A function that locates a place in a kidney, given in radii, as (z, y, x) in mm."""
KINDS = {"clear_cell": 0.65, "papillary": 0.12, "chromophobe": 0.06, "oncocytoma": 0.1, "cystic": 0.07}
"""The share of each kind of tumor (van Oostenbrugge et al., Kidney Cancer 2, 2018)."""


@dataclass(frozen=True)
class Kidney:
    """A kidney: its outline; the fat around it; what is painted of it, in order; and its hilum, (z, y, x) in mm."""

    outline: Ellipsoid
    fat: list[Ellipsoid]
    parts: list[Ellipsoid]
    hilum: np.ndarray
    side: int

    @property
    def lower_pole(self) -> np.ndarray:
        """The place of the lower pole, (z, y, x) in mm."""
        own = np.array([1, *self.outline.bend]) * self.outline.radii * 0.85
        pole: np.ndarray = self.outline.center + np.asarray(self.outline.tilt) @ own
        return pole


def draw_kidney(
    rng: np.random.Generator, side: int, center: np.ndarray, size: float, contrast: Contrast, turned: float = 0.0
) -> Kidney:
    """Draw a kidney on one side, the sign of x, with its cortex, pyramids, sinus, vessels and collecting system.

    The size is that of adults with a kidney tumor: 12 cm long, 7 cm wide and 6 cm thick; KiTS19's are of 211 mL. The
    lower pole lies farther from the spine and farther in front than the upper one, along the psoas; the hilum looks to
    the middle and to the front.

    Args:
        rng: The source of randomness.
        side: The side.
        center: The center, (z, y, x) in mm.
        size: The factor of its lengths.
        contrast: The attenuation of its parts.
        turned: The angle in radians by which the lower pole lies nearer to the spine, as in a horseshoe kidney.
    """
    radii = rng.normal((60, 28.5, 33), (6, 3, 3)).clip((40, 19, 22)) * size
    coronal, sagittal, axial = rng.normal((0.25, 0.15, 0.55), (0.14, 0.14, 0.3))
    tilt = turn(0, 2, side * (coronal - turned)) @ turn(0, 1, -sagittal) @ turn(1, 2, -side * axial)
    bend = (0.0, float(-side * rng.uniform(0, 0.35)))
    lobes = draw_lobes(rng, 0.07)
    outline = Ellipsoid(center, radii, contrast["cortex"], KIDNEY, tilt, rng.uniform(2, 10), bend, lobes)

    def locate(z: float, y: float, x: float) -> np.ndarray:
        """Locate a place given in radii; x is positive away from the body's axis."""
        own = np.array([z, y + bend[0] * z * z, side * x + bend[1] * z * z])
        return center + tilt @ (own * radii)

    parts = [outline]
    thin = rng.uniform(0.55, 0.75)
    for angle in np.linspace(0, 2 * np.pi, rng.integers(7, 12), endpoint=False) + rng.uniform(0, 1):
        place = locate(0.62 * thin / 0.66 * np.cos(angle), rng.normal(0, 0.25), 0.1 + 0.5 * np.sin(angle))
        parts.append(
            Ellipsoid(place, rng.uniform(6, 11, 3) * size, contrast["medulla"], KIDNEY, draw_rotation(rng, 1), 5)
        )
    parts.append(replace(outline, radii=radii * thin * 0.9, hu=contrast["medulla"], label=KIDNEY, texture=12))
    sinus = rng.uniform((0.35, 0.25, 0.4), (0.6, 0.5, 0.75))
    deep = rng.uniform(-0.75, -0.4)
    parts.append(Ellipsoid(locate(0, 0, deep), radii * sinus, rng.uniform(-110, -40), 0, tilt, 30, lobes=lobes * 3))
    hilum = locate(rng.normal(0, 0.1), 0, -1.0)
    parts += _draw_collecting_system(rng, locate, radii * sinus, deep, contrast)
    thickness = rng.uniform(0, 25) * rng.uniform((0.6, 0.6, 0.4), (1.4, 1.2, 1.0))
    fat = [
        Ellipsoid(np.add(center, (4, 3, 0)), radii + thickness, rng.normal(FAT, 6), tilt=tilt, texture=10, bend=bend)
    ]
    return Kidney(outline, fat, parts, hilum, side)


def _draw_collecting_system(
    rng: np.random.Generator, locate: Locate, radii: np.ndarray, deep: float, contrast: Contrast
) -> list[Ellipsoid]:
    """Draw vessels and the renal pelvis in the sinus, at times dilated, and stones."""
    hilum = locate(0, 0, -1.05)
    parts = [
        make_tube(locate(rng.uniform(-0.3, 0.3), rng.uniform(-0.2, 0.2), deep + 0.3), hilum, rng.uniform(2, 5), hu)
        for hu in (contrast["aorta"], contrast["cava"], contrast["cava"])
    ]
    wide = rng.uniform(1.0, 1.5) if rng.random() < 0.1 else rng.uniform(0.3, 0.7)
    pelvis = Ellipsoid(locate(rng.normal(0, 0.1), 0, deep), radii * wide, contrast["pelvis"] + rng.normal(0, 4))
    parts.append(replace(pelvis, label=KIDNEY) if wide >= 1 else pelvis)
    if rng.random() < 0.12:
        for _ in range(rng.integers(1, 4)):
            place = locate(rng.uniform(-0.6, 0.6), rng.normal(0, 0.2), rng.uniform(-0.5, 0.2))
            parts.append(Ellipsoid(place, rng.uniform(1.5, 6, 3), rng.uniform(250, 1200), KIDNEY))
    return parts


def pick_surface_point(rng: np.random.Generator, host: Kidney, depth: float, front: float = 0.0) -> np.ndarray:
    """Pick a point, (z, y, x) in mm, at `depth` (1 is the surface) of a kidney, rather away from the body's axis.

    Args:
        rng: The source of randomness.
        host: The kidney.
        depth: The distance from the center in radii.
        front: How much it lies in front, as large tumors grow.
    """
    direction = rng.normal(0, 1, 3) * (1.1, 1, 1) - (0, front, 0)
    direction[2] = abs(direction[2]) * host.side if rng.random() < 0.8 else direction[2]
    own = np.asarray(host.outline.tilt).T @ (direction / np.linalg.norm(direction))
    return np.asarray(host.outline.center) + np.asarray(host.outline.tilt) @ (
        own / np.linalg.norm(own) * depth * np.asarray(host.outline.radii)
    )


def draw_cysts(rng: np.random.Generator, kidneys: Sequence[Kidney]) -> list[Ellipsoid]:
    """Draw cysts, which hold water, at times blood or protein; they are labeled kidney as in KiTS19."""
    cysts = []
    for _ in range(min(rng.poisson(0.8), 6) if rng.random() < 0.95 else rng.integers(6, 20)):
        radius = np.exp(rng.normal(np.log(9), 0.55)).clip(3, 40)
        host = kidneys[int(rng.integers(len(kidneys)))]
        place = pick_surface_point(rng, host, rng.uniform(0.5, 1.1))
        hu = rng.uniform(45, 80) if rng.random() < 0.05 else rng.normal(8, 7)
        cysts.append(Ellipsoid(place, radius * rng.uniform(0.85, 1.15, 3), hu, KIDNEY))
    return cysts


def draw_tumors(rng: np.random.Generator, kidneys: Sequence[Kidney], contrast: Contrast) -> list[Ellipsoid]:
    """Draw one tumor, in one of twenty cases two, of KiTS19's size, in and on the kidney, with what they hold.

    Number and size are KiTS19's: of its 210 cases some 200 have one tumor; the geometric mean radius of the largest is
    some 20 mm, and its logarithm has a standard deviation of 0.55.
    """
    found = []
    for _ in range(rng.choice([1, 2], p=[0.95, 0.05])):
        host = kidneys[int(rng.integers(len(kidneys)))]
        radius = np.exp(rng.normal(np.log(20), 0.6)).clip(6, 70)
        depth = rng.uniform(0.2, 1.15) + max(radius - 25, 0) / 60
        center = pick_surface_point(rng, host, depth, front=radius / 30)
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        radii, tilt = radius * np.exp(rng.normal(0, 0.05, 3)), draw_rotation(rng, 1.0)
        hu = rng.normal(40, 12) if kind == "cystic" else contrast[kind] * np.exp(rng.normal(0, 0.12))
        rough = draw_lobes(rng, rng.uniform(0.01, 0.06))
        mass = Ellipsoid(center, radii, hu, TUMOR, tilt, rng.uniform(4, 35), lobes=rough)
        found.append(mass)
        found += _draw_inside(rng, mass, kind, radius, contrast)
    return found


def _draw_inside(
    rng: np.random.Generator, mass: Ellipsoid, kind: str, radius: float, contrast: Contrast
) -> list[Ellipsoid]:
    """Draw what a tumor holds: fluid in a cystic one, necrosis in a large clear-cell one, a scar, calcification."""
    center, radii, inside = np.asarray(mass.center), np.asarray(mass.radii), []
    if kind == "cystic":
        inside.append(replace(mass, radii=radii * rng.uniform(0.7, 0.92), hu=rng.normal(14, 6), texture=5))
        for _ in range(rng.integers(0, 4)):
            start, end = center + rng.normal(0, 0.6, (2, 3)) * radii
            inside.append(make_tube(start, end, (2.0, radius / 2), mass.hu + 20, label=TUMOR))
    elif kind == "clear_cell" or rng.random() < 0.3:
        for _ in range(rng.poisson(radius / 12)):
            place = center + rng.normal(0, 0.35, 3) * radii
            size = radii * rng.uniform(0.15, 0.5)
            core, bright = rng.uniform(10, 45), contrast["clear_cell"] * rng.uniform(1, 1.5)
            hu = core if rng.random() < 0.7 else bright
            inside.append(Ellipsoid(place, size, hu, TUMOR, mass.tilt, 12, lobes=draw_lobes(rng, 0.15)))
    if rng.random() < 0.08:
        inside.append(Ellipsoid(center + rng.normal(0, 0.3, 3) * radii, rng.uniform(1.5, 6, 3), 400, TUMOR))
    return [replace(part, label=TUMOR) for part in inside if np.all(np.abs(part.center - center) < radii)]
