"""Converting a DICOM series to a volume: `headers`, `series` and `stack` judge, `pixels` decodes.

Each slice is scaled by its own slope and intercept, and put where its header says.
"""

from itertools import groupby
from pathlib import Path

import numpy as np

from kidney_tumor.scans.headers import Slice
from kidney_tumor.scans.pixels import read_frames
from kidney_tumor.scans.refusals import refuse, silence
from kidney_tumor.scans.stack import Stack, read_stack
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.nifti import write_volume

AIR_HU = -1024
"""The lowest HU of CT, that of pixels outside of the field of view."""
HIGHEST_HU = 3071
"""The highest HU of a CT with 12 bits."""


def convert_series(folder: Path, output: Path) -> list[str]:
    """Convert the DICOM series in a folder to a gzipped NIfTI volume, completely or not at all.

    The volume's axes are (columns, rows, slices), as DICOM has them, with the slices in the direction of their normal;
    its values are HU, int16 if they are whole numbers in its range, float32 otherwise. What the header calls padding is
    -1024 HU where it would lie outside of -1024 to 3071. Folders below the folder belong to it; hidden files, files
    that are not DICOM, and a DICOMDIR do not matter. The same series gives the same bytes.

    Returns:
        What else lies in the folder and was left out, a sentence each.

    Raises:
        UserError: The folder holds no CT series or several, the series is not one regular stack of slices, a file is
            damaged or cannot be decoded, or the name of `output` does not end in .nii.gz.
    """
    stack = read_stack(folder)
    with silence():
        volume = _decode(stack)
    geometry = Geometry(stack.shape, stack.affine.tolist())
    write_volume(output, geometry.orient(volume), geometry.stored_affine)
    return stack.notes


def _decode(stack: Stack) -> np.ndarray:
    """Decode the slices of a stack to HU: shape (columns, rows, slices), int16 or float32.

    Raises:
        UserError: A file is cut or cannot be decoded.
    """
    volume = np.empty(stack.shape, np.int16, order="F")
    places = {(one.path, one.frame): place for place, one in enumerate(stack.slices)}
    for path, members in groupby(
        sorted(stack.slices, key=lambda one: (str(one.path), one.frame)), lambda one: one.path
    ):
        wanted = {one.frame: one for one in members}
        for number, (stored, padding) in enumerate(read_frames(path)):
            if (one := wanted.pop(number, None)) is None:
                continue
            values = _rescale(one, stored, padding)
            if values.dtype == np.float32 and volume.dtype != np.float32:
                volume = volume.astype(np.float32)
            volume[..., places[path, number]] = values.T
        if wanted:
            raise refuse(path, f"is cut: {len(wanted)} of its frames are missing")
    return volume


def _rescale(one: Slice, stored: np.ndarray, padding: np.ndarray) -> np.ndarray:
    """Compute HU from a slice's stored values: int16 where all are whole numbers in its range, float32 otherwise.

    Raises:
        UserError: The slice has another shape than its header says.
    """
    expected = (int(one.numbers["Rows"]), int(one.numbers["Columns"]))
    if stored.shape != expected:
        raise refuse(one.path, f"holds an image of {stored.shape} pixels, but its header says {expected}")
    slope, intercept = float(one.numbers["RescaleSlope"]), float(one.numbers["RescaleIntercept"])
    if slope.is_integer() and intercept.is_integer():
        small = stored.itemsize < 4 and abs(slope) < 2**14 and abs(intercept) < 2**29
        values: np.ndarray = stored.astype(np.int32 if small else np.int64) * int(slope) + int(intercept)
    else:
        values = stored * np.float64(slope) + intercept
    if padding.any():
        values[padding & ((values < AIR_HU) | (values > HIGHEST_HU))] = AIR_HU
    return shrink(values)


def shrink(values: np.ndarray) -> np.ndarray:
    """Store integers as int16 if they are in its range, and all other values as float32."""
    limits = np.iinfo(np.int16)
    whole = values.dtype.kind in "iu" and limits.min <= values.min() and values.max() <= limits.max
    return values.astype(np.int16 if whole else np.float32, copy=False)
