"""How a phantom is scanned: its place in the image, the table, noise, blur and artifacts."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from kidney_tumor.phantom.trunk import Body

WINDOWS = ((0, 255), (0, 300), (-160, 240), (-200, 300))
"""The limits, in HU, within which some published CT volumes are stored."""
SHARPNESS = 0.3
"""The standard deviation of white noise, of 1, after a Gaussian of sigma is about this over sigma, both in pixels."""


@dataclass(frozen=True)
class Scanner:
    """How a body is scanned; by default as all plain phantoms are.

    Attributes:
        center: The place, (z, y, x) in mm, at the center of the volume.
        warp: How far the body is bent at random, in mm.
        table: The table's y in mm, the half width over which it rises by 1 mm, its half thickness and its HU, or None.
        grain: The sigma, in pixels, of the Gaussian that the inner structure of organs has.
        blur: The sigma, in pixels, of the Gaussian of the image, which is partial volume.
        noise: The standard deviation of the noise in HU.
        noise_blur: The sigma of the noise in pixels; 0 for white noise.
        ghost: How far the body moved during the scan, in pixels (rows, columns).
        streaks: The strength of streaks in HU.
        limits: The lowest and the highest HU that are stored.
        is_round: Whether what lies outside the circle in the image is empty.
    """

    center: tuple[float, float, float] = (0.0, 0.0, 0.0)
    warp: float = 5.0
    table: tuple[float, float, float, float] | None = (128.0, 60.0, 4.0, 90.0)
    grain: float = 1.5
    blur: float = 0.5
    noise: float = 14.0
    noise_blur: float = 0.0
    ghost: tuple[int, int] = (0, 0)
    streaks: float = 0.0
    limits: tuple[int, int] = (-1024, 3071)
    is_round: bool = False

    def draw_grain(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw the inner structure of organs, float32 of a shape (slices, rows, columns), of a deviation of about 1."""
        white = rng.standard_normal(shape, np.float32)
        return ndimage.gaussian_filter(white, (0, self.grain, self.grain)) * (self.grain / SHARPNESS)

    def expose(self, rng: np.random.Generator, hu: np.ndarray) -> np.ndarray:
        """Make an image of attenuation in HU, shape (slices, rows, columns): int16."""
        if any(self.ghost):
            hu = (hu + np.roll(hu, self.ghost, (1, 2))) / 2
        hu = ndimage.gaussian_filter(hu, (0, self.blur, self.blur))
        noise = rng.standard_normal(hu.shape, np.float32)
        if self.noise_blur:
            noise = ndimage.gaussian_filter(noise, (0, self.noise_blur, self.noise_blur))
            noise *= self.noise_blur / SHARPNESS
        hu += self.noise * noise
        if self.streaks:
            hu += self.streaks * self._draw_streaks(rng, hu.shape)
        hu = hu.round().clip(*self.limits)
        if self.is_round:
            rows, columns = (np.linspace(-1, 1, length) for length in hu.shape[1:])
            hu[:, rows[:, None] ** 2 + columns**2 > 1] = self.limits[0]
        return hu.astype(np.int16)

    @staticmethod
    def _draw_streaks(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw rays from a point in each slice, as metal and gas leave them: float32, of a deviation of about 1."""
        rows, columns = np.indices(shape[1:], np.float32)
        streaks = np.empty(shape, np.float32)
        for part in streaks:
            row, column = rng.uniform(0.3, 0.7, 2) * shape[1:]
            angle = np.arctan2(rows - row, columns - column)
            waves = sum(np.sin(k * angle + rng.uniform(0, 2 * np.pi)) for k in rng.integers(3, 40, 6))
            distance = np.hypot(rows - row, columns - column) / shape[1]
            part[:] = waves / np.sqrt(3) * np.exp(-4 * distance)
        return streaks


PLAIN = Scanner()


def draw_scanner(rng: np.random.Generator, body: Body, height: float) -> Scanner:
    """Draw how a body is scanned: `height` mm that show the kidneys, wholly or in part."""
    above = rng.uniform(0.35, 0.65)
    z = (0.5 - above) * height + rng.normal(0, 15)
    back = body.depth + body.wall + 8 + body.fat[2] + rng.uniform(0, 40)
    table = (back, rng.uniform(50, 300), rng.uniform(1, 4), rng.uniform(-300, 200))
    moved = rng.integers(-2, 3, 2) if rng.random() < 0.08 else (0, 0)
    return Scanner(
        center=(z, rng.normal(0, 14), rng.normal(0, 8)),
        warp=rng.uniform(2, 9),
        table=table if rng.random() < 0.85 else None,
        grain=rng.uniform(0.6, 3),
        blur=rng.uniform(0, 0.7),
        noise=float(np.exp(rng.uniform(np.log(4), np.log(32)))),
        noise_blur=rng.uniform(0.5, 0.9) if rng.random() < 0.4 else 0.0,
        ghost=(int(moved[0]), int(moved[1])),
        streaks=rng.uniform(5, 30) if rng.random() < 0.1 else 0.0,
        limits=WINDOWS[rng.integers(len(WINDOWS))] if rng.random() < 0.35 else (-1024, 3071),
        is_round=bool(rng.random() < 0.25),
    )
