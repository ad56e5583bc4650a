"""The shapes of which a phantom is made: ellipsoids, bent and lobed if wanted.

Coordinates are (z, y, x) in mm: downward from the kidneys' level, backward and to the image's right from the body's
axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kidney_tumor.volumes.labels import BACKGROUND

FAT, MUSCLE = -100, 55
"""The attenuation of two tissues in HU."""
LOBES = 4
"""The number of waves that make a surface uneven."""
Point = Sequence[float] | np.ndarray
"""A place, or an extent along each axis, in mm."""


@dataclass(frozen=True)
class Ellipsoid:
    """A solid of one label.

    Attributes:
        center: The center, (z, y, x), in mm.
        radii: The radii along its own axes in mm.
        hu: The mean attenuation in HU.
        label: The KiTS19 label of its voxels.
        tilt: The rotation, shape (3, 3), from its own axes to (z, y, x).
        texture: The standard deviation of its inner structure in HU.
        bend: How far both of its ends along its first axis lie away, toward its second and its third axis, in radii.
        lobes: Waves that push the surface in and out, shape (n, 5): three of direction, phase and height in radii.
        base: The y below which it ends, in mm from its center, as air above a fluid does.
        within: The solid that bounds it, as the wall of the trunk does.
    """

    center: Point
    radii: Point
    hu: float
    label: int = BACKGROUND
    tilt: np.ndarray | None = None
    texture: float = 0.0
    bend: tuple[float, float] = (0.0, 0.0)
    lobes: np.ndarray | None = None
    base: float | None = None
    within: "Ellipsoid | None" = None

    @property
    def reach(self) -> float:
        """The distance from the center, in mm, beyond which nothing of it lies."""
        bend = 1 + max(map(abs, self.bend))
        return float(max(self.radii)) * bend * (1.0 if self.lobes is None else 1.3)

    def contains(self, position: np.ndarray) -> np.ndarray:
        """Return which positions, shape (3, ...) in mm, lie inside: shape (...), bool."""
        straight = position - np.reshape(np.asarray(self.center, np.float32), (3,) + (1,) * (position.ndim - 1))
        offset = straight
        if self.tilt is not None:
            offset = np.tensordot(self.tilt.T.astype(np.float32), offset, 1)
        scale = np.reshape(1 / np.asarray(self.radii, np.float32), (3,) + (1,) * (position.ndim - 1))
        own = offset * scale
        for axis, height in zip((1, 2), self.bend, strict=True):
            if height:
                own[axis] -= np.float32(height) * own[0] ** 2
        limit: np.ndarray | float = 1.0
        for *direction, phase, height in [] if self.lobes is None else self.lobes.astype(np.float32):
            limit = limit + height * np.sin(np.tensordot(np.stack(direction), own, 1) + phase)
        inside: np.ndarray = (own**2).sum(0) < limit
        if self.base is not None:
            inside &= straight[1] < self.base
        if self.within is not None:
            inside &= self.within.contains(position)
        return inside


def draw_rotation(rng: np.random.Generator, spread: float) -> np.ndarray:
    """Draw a rotation matrix; `spread` is the standard deviation of each of three Euler angles in radians."""
    (first, second, third) = rng.normal(0, spread, 3)
    return turn(0, 1, first) @ turn(0, 2, second) @ turn(1, 2, third)


def turn(i: int, j: int, angle: float) -> np.ndarray:
    """Make the rotation, shape (3, 3), that turns axis `i` toward axis `j` by an angle in radians."""
    matrix = np.eye(3)
    matrix[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
    return matrix


def draw_lobes(rng: np.random.Generator, height: float) -> np.ndarray:
    """Draw the waves of an uneven surface, shape (`LOBES`, 5); together they have about `height` squared radii."""
    direction = rng.normal(0, 1, (LOBES, 3))
    direction *= rng.uniform(1.5, 4, (LOBES, 1)) / np.linalg.norm(direction, axis=1, keepdims=True)
    phase, heights = rng.uniform(0, 2 * np.pi, (LOBES, 1)), rng.normal(0, height, (LOBES, 1))
    return np.concatenate([direction, phase, heights], 1)


def draw_organ(
    rng: np.random.Generator,
    center: Point,
    radii: Point,
    hu: float,
    texture: float = 8.0,
    turned: float = 0.0,
    uneven: float = 0.1,
    **more: Any,
) -> Ellipsoid:
    """Draw an uneven ellipsoid of any label: `turned` is the spread of its tilt, `uneven` the height of its lobes."""
    tilt, lobes = draw_rotation(rng, turned) if turned else None, draw_lobes(rng, uneven)
    return Ellipsoid(center, radii, hu, texture=texture, **{"tilt": tilt, "lobes": lobes} | more)


def make_tube(start: Point, end: Point, radius: float | tuple[float, float], hu: float, **more: Any) -> Ellipsoid:
    """Make an ellipsoid that is long from one place to another, of one radius or two across, in mm."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    along = (end - start) / np.linalg.norm(end - start)
    across = np.cross(along, [0, 0, 1.0] if abs(along[2]) < 0.9 else [1.0, 0, 0])
    across /= np.linalg.norm(across)
    tilt = np.stack([along, across, np.cross(along, across)], 1)
    first, second = radius if isinstance(radius, tuple) else (radius, radius)
    radii = (float(np.linalg.norm(end - start)) / 2 * 1.1, first, second)
    return Ellipsoid((start + end) / 2, radii, hu, tilt=tilt, **more)
