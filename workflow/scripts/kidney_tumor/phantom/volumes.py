"""A phantom cohort in KiTS19 layout: abdominal CT in HU with kidneys and tumors, deterministic by seed.

The anatomy is warped by a smooth random field and painted one slab of slices at a time.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kidney_tumor.data.cohort import CASE
from kidney_tumor.phantom.plain import make_anatomy
from kidney_tumor.phantom.scanner import PLAIN, Scanner, draw_scanner
from kidney_tumor.phantom.solids import Ellipsoid
from kidney_tumor.phantom.wide import draw_anatomy
from kidney_tumor.volumes.nifti import write_volume

AIR = -1000
"""The attenuation of air in HU."""
SLAB = 8
"""The number of slices that are painted at a time, which bounds the memory for full-size volumes."""


def warp(rng: np.random.Generator, position: np.ndarray, amplitude: float) -> np.ndarray:
    """Displace positions, (3, ...) mm, by a sum of smooth random waves of `amplitude` mm."""
    bent = position.copy()
    for axis in range(3):
        for wavelength in (140, 70, 35):
            wave = rng.normal(0, 1, 3)
            wave *= 2 * np.pi / wavelength / np.linalg.norm(wave)
            phase = np.tensordot(wave.astype(np.float32), position, 1) + np.float32(rng.uniform(0, 2 * np.pi))
            bent[axis] += np.float32(amplitude * wavelength / 140) * np.sin(phase)
    return bent


def paint(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    solids: Sequence[Ellipsoid],
    seed: Sequence[int],
    scanner: Scanner = PLAIN,
) -> tuple[np.ndarray, np.ndarray]:
    """Render solids into a CT volume and its label.

    Args:
        shape: The shape of the volume, (slices, rows, columns).
        spacing: The distance between neighboring slices, rows and columns in mm.
        solids: The solids in the order in which they are painted.
        seed: The seed of the warp and the noise.
        scanner: How they are scanned.

    Returns:
        The image, int16 HU, and the label, uint8, both of `shape`.
    """
    image, label = np.empty(shape, np.int16), np.empty(shape, np.uint8)
    axes = [
        ((np.arange(n) - (n - 1) / 2) * step + middle).astype(np.float32)
        for n, step, middle in zip(shape, spacing, scanner.center, strict=True)
    ]
    noise = np.random.default_rng([*seed, 1])
    for start in range(0, shape[0], SLAB):
        slab = slice(start, start + SLAB)
        straight = np.stack(np.broadcast_arrays(axes[0][slab, None, None], axes[1][:, None], axes[2]))
        position = warp(np.random.default_rng([*seed, 2]), straight, scanner.warp)
        hu = np.full(straight.shape[1:], AIR, np.float32)
        if scanner.table:
            y, width, thickness, attenuation = scanner.table
            hu[np.abs(straight[1] - y - (straight[2] / width) ** 2) < thickness] = attenuation
        grain = scanner.draw_grain(noise, hu.shape)
        owner = np.zeros(hu.shape, np.uint8)
        for solid in solids:
            reach = solid.reach + 4 * scanner.warp  # a box that holds it however it is tilted and warped
            box = tuple(
                slice(*np.searchsorted(axis, (middle - reach, middle + reach)))
                for axis, middle in zip((axes[0][slab], *axes[1:]), solid.center, strict=True)
            )
            if any(side.start == side.stop for side in box):
                continue
            inside = solid.contains(position[:, *box])
            hu[box][inside] = solid.hu + solid.texture * grain[box][inside]
            owner[box][inside] = solid.label
        image[slab], label[slab] = scanner.expose(noise, hu), owner
    return image, label


def write_case(folder: Path, size: int, slices: tuple[int, int], variety: str, seed: int) -> None:
    """Write `imaging.nii.gz` and `segmentation.nii.gz` of one phantom case.

    A case depends on its number and the seed alone, not on the cohort's size. Of every ten, number 1 has a solitary
    kidney and number 2 non-square slices, a quarter wider (as KiTS19's case_00160).

    Args:
        folder: The folder of the case, `.../case_XXXXX`, whose name gives its number.
        size: The rows and columns of a slice in pixels.
        slices: The smallest and the largest number of slices.
        variety: `plain` for a body that is nearly the same in each case, `wide` for bodies as varied as patients.
        seed: The seed of the cohort.
    """
    match = CASE.fullmatch(folder.name)
    assert match, f"{folder} is not named case_XXXXX"
    number = int(match[1])
    rng = np.random.default_rng([seed, number])
    count = int(rng.integers(slices[0], slices[1] + 1))
    solitary, scanner = number % 10 == 1, PLAIN
    if variety == "wide":
        solids, body = draw_anatomy(rng, solitary)
        height = rng.uniform(150, 620)
        scanner = draw_scanner(rng, body, height)
        pixel = float(np.clip(2 * body.half_width * rng.uniform(0.92, 1.5), 260, 520)) / size
    else:
        pixel = rng.uniform(325, 355) / size
        height = rng.uniform(330, 410)
        solids = make_anatomy(rng, solitary)
    columns = size * 5 // 4 if number % 10 == 2 else size
    spacing = (height / count, pixel, pixel)
    image, label = paint((count, size, columns), spacing, solids, (seed, number), scanner)
    affine: list[list[float]] = [[0.0, 0, -pixel, 0], [0, -pixel, 0, 0], [-spacing[0], 0, 0, 0], [0, 0, 0, 1]]
    write_volume(folder / "imaging.nii.gz", image, affine)
    write_volume(folder / "segmentation.nii.gz", label, affine)
