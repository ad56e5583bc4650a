"""Slice extraction (paper, section 2): axial slices and their labels, resized once and kept for both networks.

A case's folder holds `images.npy`, int16 HU, and `labels.npy`, uint8, both of shape (slices, size, size), and
`slices.json` with the case, the volume's geometry, notes on how it was read and the checksums of the two arrays. HU are
stored without a window, so that another window needs no second extraction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from errno import ENOENT
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from isal import isal_zlib

from kidney_tumor.data.descriptions import describe_damage, read_description
from kidney_tumor.data.places import check_places
from kidney_tumor.files import write_atomically, write_json
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.labels import read_label_columns
from kidney_tumor.volumes.nifti import read_columns

Slices = TypeVar("Slices", bound=Any)

LOWER_HALF = "lower_half"
"""The rows of a slice that the tumor network sees, unless it sees all, as the kidney network does."""
PERCENTILES = (0.5, 50, 99.5)
"""The percentiles of a scan's HU that are recorded, air, tissue and bone."""
PIXEL_STEP = 4
"""Of the extracted slices, one in so many rows and columns is looked at."""
STRIP = 32
"""The number of columns that are turned into slices at once: as int16 they fill a line of the processor's cache."""


def sample_nearest(length: int, resized: int) -> np.ndarray:
    """Compute, for each of `resized` samples, the index of the voxel among `length` that contains the sample's center.

    The integer arithmetic is exact; `skimage.transform.resize(order=0)` computes the same in floating point.
    """
    return ((2 * np.arange(resized) + 1) * length) // (2 * resized)


def resize(volume: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Resize each slice by nearest neighbor: (slices, H, W) to (slices, rows, columns), with the same type."""
    return volume[:, sample_nearest(volume.shape[1], rows)[:, None], sample_nearest(volume.shape[2], columns)]


def crop_to_view(slices: Slices, target: str, tumor_rows: str) -> Slices:
    """Crop extracted slices, an array or a tensor, to the part that the `kidney` or `tumor` network sees.

    Args:
        slices: The slices, shape (slices, size, size).
        target: The network's target.
        tumor_rows: `lower_half` (section 2.1.1), for which the result has the shape (slices, size / 2, size), or `all`.
    """
    return slices[:, slices.shape[1] // 2 :] if target == "tumor" and tumor_rows == LOWER_HALF else slices


@dataclass(frozen=True)
class SliceStore:
    """The extracted slices of one case, opened for reading.

    Attributes:
        geometry: The geometry of the volume from which the slices were extracted.
        images: The images in HU, shape (slices, size, size), int16.
        labels: The labels 0 background, 1 kidney and 2 tumor, shape (slices, size, size), uint8; None for a scan.
    """

    geometry: Geometry
    images: np.ndarray
    labels: np.ndarray | None


def extract(
    image_path: Path, label_path: Path | None, size: int, folder: Path, notes: Sequence[str] = ()
) -> SliceStore:
    """Resize every slice of a case, or of a scan without a label, to `size` x `size`, and store them in `folder`.

    The volumes are decompressed once and streamed, so that little more than the result is in memory. Notes on how a
    scan was read are kept with its slices.

    Raises:
        UserError: A file is missing, truncated, not three-dimensional or holds NaN, the two differ in shape or place,
            or a label is not 0, 1 or 2.
    """
    geometry = check_places(image_path, *([label_path] if label_path else []))
    images = resize_blocks(read_columns(image_path), geometry.shape, size, np.int16)
    labels = resize_blocks(read_label_columns(label_path), geometry.shape, size, np.uint8) if label_path else None
    store = SliceStore(geometry, images, labels)
    save_slices(folder, store, notes)
    return store


def save_slices(folder: Path, store: SliceStore, notes: Sequence[str] = ()) -> None:
    """Write extracted slices and then their description, each file completely or not at all."""
    arrays = {"images.npy": store.images} | ({} if store.labels is None else {"labels.npy": store.labels})
    for name, array in arrays.items():
        with write_atomically(folder / name) as temporary, temporary.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
            file.write(array.data)  # np.save does not report that the disk is full
    checksums = {name: isal_zlib.crc32(array) for name, array in arrays.items()}
    description = {
        "shape": store.geometry.stored_shape,
        "affine": store.geometry.stored_affine,
        "case": folder.name,
        "size": store.images.shape[2],
        "hu": measure_hu(store.images),
        "notes": [*filter(None, [store.geometry.warning]), *notes],
        "crc32": checksums,
    }
    write_json(folder / "slices.json", description)


def resize_blocks(
    blocks: Iterable[tuple[slice, np.ndarray]], shape: tuple[int, int, int], size: int, kind: type[np.integer]
) -> np.ndarray:
    """Resize the slices of a volume that is read in blocks of columns: the same as `resize` of the whole volume.

    Returns:
        The slices, shape (slices, size, size), rounded and clipped to the type `kind`.
    """
    rows, columns = (sample_nearest(length, size) for length in shape[1:])
    limits = np.iinfo(kind)
    resized = np.empty((shape[0], size, size), kind)
    strip = np.empty((STRIP, size, shape[0]), kind)  # the order of the file: slices fastest
    for span, block in blocks:
        first, end = np.searchsorted(columns, (span.start, span.stop))
        picked = block.T[(columns[first:end] - span.start)[:, None], rows]
        if picked.dtype.kind == "f":
            np.rint(picked, out=picked)
        if picked.dtype != kind:
            picked.clip(limits.min, limits.max, out=picked)
        for column in range(first, end):
            strip[column % STRIP] = picked[column - first]
            if (column + 1) % STRIP == 0 or column + 1 == size:
                begin = column - column % STRIP
                resized[:, :, begin : column + 1] = transpose(strip[: column + 1 - begin])
    return resized


def transpose(volume: np.ndarray) -> np.ndarray:
    """Copy a volume with its first and last axis exchanged, row by row, since the processor's cache can hold a row."""
    result = np.empty(volume.shape[::-1], volume.dtype)
    for row in range(volume.shape[1]):
        result[:, row] = volume[:, row].T
    return result


def open_slices(folder: Path) -> SliceStore:
    """Open a case's extracted slices and verify their checksums.

    Raises:
        UserError: A file is missing, unreadable, or differs from what the extraction wrote.
    """
    description = read_description(folder)
    labels = load_stored(folder, "labels.npy") if "labels.npy" in description["crc32"] else None
    return SliceStore(get_geometry(description), load_stored(folder, "images.npy"), labels)


def refuse_scan(folder: Path, problem: str) -> None:
    """Record why a scan has no slices, in place of them."""
    with write_atomically(folder / "images.npy") as temporary, temporary.open("wb") as file:
        np.save(file, np.zeros((0, 0, 0), np.int16))
    write_json(folder / "slices.json", {"case": folder.name, "problem": problem})


def get_geometry(description: Mapping[str, Any]) -> Geometry:
    """Get the grid of the volume from the description of its slices."""
    return Geometry(tuple(description["shape"]), description["affine"])


def load_stored(folder: Path, name: str) -> np.ndarray:
    """Load one of a case's two arrays, `images.npy` or `labels.npy`, and verify its checksum.

    Raises:
        UserError: The reasons are those of `open_slices`.
    """
    checksum = read_description(folder)["crc32"].get(name)
    try:
        array = np.load(folder / name)
    except (OSError, EOFError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in (None, ENOENT):  # reading failed, the file may be good
            raise
        raise describe_damage(folder / name, str(error)) from error
    if isal_zlib.crc32(array) != checksum:
        raise describe_damage(folder / name, "its checksum differs from slices.json")
    return array


def measure_hu(images: np.ndarray) -> list[int]:
    """Measure the percentiles of extracted slices, shape (slices, size, size), in HU."""
    return np.percentile(images[:, ::PIXEL_STEP, ::PIXEL_STEP], PERCENTILES, method="nearest").astype(int).tolist()
