"""Reading and writing volumes, which are NIfTI files, in the axes (slices, rows, columns) of the workflow.

NIfTI stores the first axis fastest, so a file of KiTS19 is a sequence of (slices, rows) planes, one for each column.
Volumes are therefore streamed by columns, and only two blocks of planes are in memory at a time, however long the
volume is. A volume that is stored in other axes is read whole, and then passed on by columns, too.

The content of a file decides how it is read, and not its name: NIfTI-1 or NIfTI-2, gzipped or not.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedIOBase
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip, isal_zlib

from kidney_tumor.errors import UserError, VolumeError
from kidney_tumor.files import write_atomically
from kidney_tumor.volumes.grid import Geometry, restore_axes
from kidney_tumor.volumes.header import HeaderError, Volume, read_header
from kidney_tumor.volumes.nibabel_alone import nib

GZIP = b"\x1f\x8b"
DEFLATE = 1032
"""The largest factor by which gzip can compress."""
BLOCK_BYTES = 16 * 2**20
"""The size of a block of columns as stored, small enough to stay in the processor's cache."""
CUT: Any = (EOFError, isal_zlib.error, igzip.BadGzipFile)  # isal annotates its error as an instance
"""The errors that reading raises for a file that was cut or changed anywhere."""


@contextmanager
def _open_volume(path: Path) -> Iterator[tuple[Volume, BufferedIOBase]]:
    """Open a volume and its decompressed stream.

    Raises:
        UserError: The file is missing, or it is no volume that this workflow can read; the message says why.
    """
    if not path.is_file():
        raise VolumeError(path, "is missing")
    with path.open("rb") as file:
        is_gzipped = file.read(len(GZIP)) == GZIP
    try:
        with igzip.open(path) if is_gzipped else path.open("rb") as stream:
            volume = read_header(stream, is_gzipped == (path.suffix.lower() == ".gz"))
            if volume.stored_bytes > (DEFLATE if is_gzipped else 1) * (size := path.stat().st_size):
                raise HeaderError(f"is truncated: {size} bytes cannot hold the shape {volume.geometry.stored_shape}")
            yield volume, stream
    except HeaderError as error:
        raise VolumeError(path, str(error)) from error
    except CUT as error:
        raise VolumeError(path, f"is truncated or damaged ({str(error) or 'it ends early'})") from error


def read_volume(path: Path) -> Volume:
    """Read what the header of a volume says.

    Raises:
        UserError: The reasons are those of `read_geometry`.
    """
    with _open_volume(path) as (volume, _):
        return volume


def read_geometry(path: Path) -> Geometry:
    """Read the grid of a volume from its header, without its voxels.

    Raises:
        UserError: The file is missing, not a NIfTI file, not three-dimensional, or without a usable affine.
    """
    return read_volume(path).geometry


def read_columns(path: Path) -> Iterator[tuple[slice, np.ndarray]]:
    """Stream a volume in blocks of whole columns, each decompressed once.

    Yields:
        The columns of a block and its voxels, shape (slices, rows, columns of the block), in the stored type, or float
        where the header scales the values.

    Raises:
        UserError: The reasons are those of `read_geometry`, or the file ends early, fails its checksum, or holds NaN
            or infinite voxels.
    """
    with _open_volume(path) as (volume, stream), ThreadPoolExecutor(1) as reader:
        geometry = volume.geometry
        slices, rows, columns = geometry.shape
        width = max(1, BLOCK_BYTES // (slices * rows * volume.kind.itemsize))
        spans = [slice(start, min(start + width, columns)) for start in range(0, columns, width)]
        stream.seek(volume.offset)
        read = _stream_columns(volume, stream) if geometry.is_native else _cut_columns(volume, stream)
        blocks = (reader.submit(read, span) for span in spans)
        ahead = deque([next(blocks)])  # the next block is decompressed while the caller works on this one
        for span in spans:
            ahead.extend(islice(blocks, 1))
            block = ahead.popleft().result()
            with np.errstate(over="ignore", invalid="ignore"):
                # The sum is faster than a test of each voxel, but it may overflow; then each voxel is tested below.
                suspicious = block.dtype.kind == "f" and not np.isfinite(block.sum())
            if suspicious and not np.isfinite(block).all():
                raise VolumeError(path, "holds NaN or infinite voxels")
            yield span, block
        while stream.read(BLOCK_BYTES):  # gzip's checksum is at the end of the stream
            pass


def _read_stored(stream: BufferedIOBase, shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    """Read the next voxels of a stream, the first axis fastest."""
    stored = np.empty(shape, kind, order="F")
    bytes_left = stored.T.view(np.uint8).data.cast("B") if stored.size else memoryview(b"")
    while bytes_left:
        if not (count := stream.readinto(bytes_left[:BLOCK_BYTES])):
            raise EOFError(f"{len(bytes_left)} bytes are missing")
        bytes_left = bytes_left[count:]
    return stored


def _stream_columns(volume: Volume, stream: BufferedIOBase) -> Callable[[slice], np.ndarray]:
    """Make the function that reads the next columns of a volume whose file has the workflow's axes."""
    slices, rows, _ = volume.geometry.shape
    return lambda span: volume.scale(_read_stored(stream, (slices, rows, span.stop - span.start), volume.kind))


def _cut_columns(volume: Volume, stream: BufferedIOBase) -> Callable[[slice], np.ndarray]:
    """Read a whole volume as stored, and make the function that cuts columns out of it, in the workflow's axes."""
    oriented = volume.geometry.orient(_read_stored(stream, volume.geometry.stored_shape, volume.kind))

    def cut(span: slice) -> np.ndarray:
        block = np.empty(oriented[..., span].shape, volume.kind, order="F")
        for number, plane in enumerate(oriented[..., span]):  # a plane's part of the block fits in the cache
            block[number] = plane
        return volume.scale(block)

    return cut


def write_volume(path: Path, volume: np.ndarray, affine: list[list[float]], description: str = "") -> None:
    """Write a volume in its own type as a gzipped file, completely or not at all.

    Args:
        path: The file to write, .nii.gz.
        volume: The voxels, shape (slices, rows, columns).
        affine: The 4 x 4 affine of the file, which decides in which axes the voxels are stored.
        description: A text for the header, 79 characters at most.

    Raises:
        UserError: The name does not end in .nii.gz.
    """
    if not path.name.endswith(".nii.gz"):
        raise UserError(f"{path}: a volume is written as .nii.gz; give it such a name")
    with (
        write_atomically(path) as temporary,
        temporary.open("wb") as file,
        igzip.IGzipFile("", "wb", fileobj=file, mtime=0) as stream,  # no name or time: the bytes are always the same
    ):
        image = nib.Nifti1Image(restore_axes(volume, affine), np.array(affine))
        image.header["descrip"] = description.encode()
        image.to_stream(stream)
