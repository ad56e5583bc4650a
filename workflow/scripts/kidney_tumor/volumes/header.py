"""The headers of NIfTI volumes, as real programs write them.

nibabel interprets a header; what is against the letter of the standard is mended before.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedIOBase

import numpy as np

from kidney_tumor.volumes.grid import Geometry, find_fault, locate_voxels
from kidney_tumor.volumes.nibabel_alone import nib, nifti1, spatialimages, volumeutils


class HeaderError(Exception):
    """A header that cannot be used; the message says what is wrong with the file."""


class _Nifti1Header(nib.Nifti1Header):
    """A header whose quaternion may be somewhat longer than 1, as single precision makes it; it is normalized."""

    quaternion_threshold = np.float64(-0.01)


class _Nifti2Header(nib.Nifti2Header):
    """The same for NIfTI-2."""

    quaternion_threshold = np.float64(-0.01)


HEADERS: dict[int, Callable[..., nib.Nifti1Header]] = {348: _Nifti1Header, 540: _Nifti2Header}
"""The kinds of header by their length in bytes, with which each begins."""
TYPES = nifti1.data_type_codes.value_set()
"""The codes of the types of voxels that the standard knows."""
MAGIC = {348: (344, b"n+1\0", b"ni1\0"), 540: (4, b"n+2\0", b"ni2\0")}
"""Where in a header the kind of the file stands, what it is for one file, and for a pair of header and voxels."""


@dataclass(frozen=True)
class Volume:
    """What the header of a volume says.

    Attributes:
        geometry: The grid of the volume.
        kind: The type of the stored numbers.
        offset: The number of bytes before the voxels.
        slope: The factor from stored numbers to values; None if they are not scaled.
        intercept: What is added then.
        is_plain: Whether other programs read it alike: it is NIfTI-1, and its header and name need no mending.
        description: Its text for the reader.
    """

    geometry: Geometry
    kind: np.dtype
    offset: int
    slope: float | None
    intercept: float | None
    is_plain: bool
    description: str

    @property
    def stored_bytes(self) -> int:
        """The bytes of header and voxels before compression."""
        return self.offset + math.prod(self.geometry.stored_shape) * self.kind.itemsize

    def scale(self, stored: np.ndarray) -> np.ndarray:
        """Compute the values from stored numbers: float if the header scales them, else the same array."""
        stored = stored.astype(self.kind.newbyteorder("="), copy=False)
        return stored if self.slope is None else volumeutils.apply_read_scaling(stored, self.slope, self.intercept)


def read_header(stream: BufferedIOBase, is_named_so: bool) -> Volume:
    """Read the header of a volume.

    Args:
        stream: The decompressed stream of the file.
        is_named_so: Whether the file's name says truly whether it is gzipped.

    Raises:
        HeaderError: It is no header of a volume, or of one that cannot be used.
    """
    start = stream.read(4)
    for order in ("<", ">"):
        size = int(np.frombuffer(start, f"{order}i4")[0]) if len(start) == 4 else 0
        if size in HEADERS:
            break
    else:
        raise HeaderError("is empty" if not start else "is not a NIfTI file: it does not begin with 348 or 540")
    content = start + stream.read(size - 4)
    if len(content) < size:
        raise HeaderError(f"is truncated: {len(content)} bytes are no header")
    place, single, pair = MAGIC[size]
    magic = content[place : place + 4]
    if magic == pair:
        raise HeaderError("is the header of a pair of files, .hdr and .img; convert both to one file .nii.gz")
    if magic != single:
        raise HeaderError("is not a NIfTI file: its magic string is missing, as in ANALYZE files, which lack a place")
    header: nib.Nifti1Header = HEADERS[size](content, endianness=order, check=False)
    try:
        return _parse_header(header, size, is_named_so and size == 348)
    except spatialimages.HeaderDataError as error:
        raise HeaderError(f"has a header that nibabel cannot read ({error})") from error


def _parse_header(header: nib.Nifti1Header, size: int, is_plain: bool) -> Volume:
    """Interpret a header, and mend what real files have in it (nifti1.h of the NIfTI standard says what is meant).

    - Voxels begin after the header and its four flags of extensions, 352 or 544 bytes, also where it states less.
    - Axes after the third that have one voxel say nothing; nor do voxel sizes below 0 about the direction.
    - A qfac that is neither 1 nor -1 is 1.
    - Values without a finite factor, or with the factor 0, are not scaled; an intercept that is not finite is 0.
    - An sform that is no orientation, or has other voxel sizes than stated, is left out where a qform is good.

    Raises:
        HeaderError: The volume cannot be used.
    """
    dimensions = max(0, min(int(header["dim"][0]), 7))
    shape = [int(length) for length in header["dim"][1 : dimensions + 1]]
    while len(shape) > 3 and shape[-1] in (0, 1):
        shape.pop()
    if len(shape) != 3 or min(shape) < 1:
        raise HeaderError(
            f"has shape {tuple(shape)}; expected one volume with three axes (slices, rows, columns), none empty"
        )
    code = int(header["datatype"])
    if code not in TYPES:
        raise HeaderError(f"has voxels of the type {code}, which the standard does not know")
    kind = header.get_data_dtype()
    if code == 1:
        raise HeaderError("has voxels of one bit each; expected plain numbers")
    if kind.kind not in "iuf":
        raise HeaderError("holds colors or complex numbers; expected plain numbers")
    stated, first = float(header["vox_offset"]), size + 4
    offset = int(stated) if math.isfinite(stated) and stated > first else first
    factor, added = float(header["scl_slope"]), float(header["scl_inter"])
    is_scaled = math.isfinite(factor) and factor != 0
    is_plain &= stated == offset and len(shape) == dimensions and (math.isfinite(added) or not is_scaled)
    if not math.isfinite(added):
        added = 0.0
    slope, intercept = (factor, added) if is_scaled and (factor, added) != (1, 0) else (None, None)
    sizes = np.abs(header["pixdim"][1:4].astype(float))
    is_plain &= np.array_equal(header["pixdim"][1:4], sizes)
    header["pixdim"][1:4] = sizes
    header["pixdim"][0] = -1 if header["pixdim"][0] == -1 else 1
    has_sform, has_qform = (int(header[f"{name}_code"]) > 0 for name in ("sform", "qform"))
    turned = np.array([header[f"quatern_{name}"] for name in "bcd"], float)
    is_turned = np.isfinite(turned).all() and turned @ turned <= 1 - header.quaternion_threshold
    is_plain &= not has_qform or bool(turned @ turned <= 1)
    if has_qform and not is_turned and not has_sform:
        raise HeaderError("has a qform that is no orientation (its quaternion is longer than 1), and no sform")
    try:
        affine, warning = locate_voxels(
            header.get_sform() if has_sform else None, header.get_qform() if has_qform and is_turned else None, sizes
        )
    except ValueError as error:
        raise HeaderError(str(error)) from error
    stored_shape = (shape[0], shape[1], shape[2])
    geometry = Geometry(stored_shape, affine.tolist(), warning)
    description = bytes(header["descrip"].item()).decode("latin-1")
    if fault := find_fault(header, geometry):
        raise HeaderError(fault)
    return Volume(geometry, kind, offset, slope, intercept, bool(is_plain and not warning), description)
