"""Reading and writing volumes, which are NIfTI files, in the axes (slices, rows, columns) of the workflow.

NIfTI stores the first axis fastest, so a file of KiTS19 is a sequence of (slices, rows) planes, one for each column.
Volumes are therefore streamed by columns, and only two blocks of planes are in memory at a time, however long the
volume is. A volume that is stored in other axes is read whole, and then passed on by columns, too.

The content of a file decides how it is read, and not its name: NIfTI-1 or NIfTI-2, gzipped or not.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import nibabel as nib
import numpy as np
from isal import igzip, isal_zlib

from kidney_tumor.cli import UserError, suggest_remake, write_atomically
from kidney_tumor.data.cohort import CASE, VOLUMES
from kidney_tumor.data.grid import Geometry, restore_axes
from kidney_tumor.data.nifti_header import HeaderError, Volume, read_header

BACKGROUND, KIDNEY, TUMOR = LABELS = (0, 1, 2)

GZIP = b"\x1f\x8b"
DEFLATE = 1032
"""The largest factor by which gzip can compress."""
BLOCK_BYTES = 16 * 2**20
"""The size of a block of columns as stored, small enough to stay in the processor's cache."""
CUT = (EOFError, isal_zlib.error, igzip.BadGzipFile)
"""The errors that reading raises for a file that was cut or changed anywhere."""
ROUNDING = 1e-3
"""The distance from a whole number within which a value stored as float is this number: its rounding."""
COARSEST = 0.1
"""The largest such distance for values that the header scales, which may lie a step of its scaling away."""
WRITER = "kidney_tumor: "
"""What the description in the header of this workflow's masks begins with; the name of the mask follows."""


class VolumeError(UserError):
    """A volume that cannot be used; `what` says what is wrong with it, without its path and a remedy."""

    def __init__(self, message: str, what: str = "") -> None:  # as a process pool makes it again from its message
        super().__init__(message)
        self.what = what


def explain_problem(path: Path, what: str, remedy: str = "") -> VolumeError:
    """Make the error for a volume: its case if its folder names one, the file, what is wrong and what to do.

    Without a remedy, the error says how to get the file again.
    """
    case = f"{path.parent.name}: " if CASE.fullmatch(path.parent.name) else ""
    return VolumeError(f"{case}{path} {what}; {remedy or _suggest_copy(path)}", what)


def _suggest_copy(path: Path) -> str:
    """Say how to get a volume again."""
    if path.name in VOLUMES:
        return "fetch or export it again, or leave the case out (data.exclude)"
    if not path.is_file():
        return "check the path"
    is_result = _identify(path) or path.parent.parent.name == "scans"
    return suggest_remake(path) if is_result else "copy or export it again"


def _identify(path: Path) -> str:
    """Name a mask of the workflow by its path: `case_00003/kidney` or `case_00003`; empty for any other file."""
    name = path.name.removesuffix(".nii.gz")
    if name.startswith("."):  # the temporary name of a download
        return ""
    if CASE.fullmatch(name):
        return name
    return f"{path.parent.name}/{name}" if CASE.fullmatch(path.parent.name) and path.name not in VOLUMES else ""


@contextmanager
def _open_volume(path: Path) -> Iterator[tuple[Volume, BinaryIO]]:
    """Open a volume and its decompressed stream.

    Raises:
        UserError: The file is missing, or it is no volume that this workflow can read; the message says why.
    """
    if not path.is_file():
        raise explain_problem(path, "is missing")
    with path.open("rb") as file:
        is_gzipped = file.read(len(GZIP)) == GZIP
    try:
        with igzip.open(path) if is_gzipped else path.open("rb") as stream:
            volume, description = read_header(stream, is_gzipped == (path.suffix.lower() == ".gz"))
            if volume.stored_bytes > (DEFLATE if is_gzipped else 1) * (size := path.stat().st_size):
                raise HeaderError(f"is truncated: {size} bytes cannot hold the shape {volume.geometry.stored_shape}")
            if description.startswith(WRITER) and _identify(path) not in ("", name := description.removeprefix(WRITER)):
                raise VolumeError(
                    f"{path} holds {name}; if it is one of a run's results, {suggest_remake(path)}", f"holds {name}"
                )
            yield volume, stream
    except HeaderError as error:
        raise explain_problem(path, str(error)) from error
    except CUT as error:
        raise explain_problem(path, f"is truncated or damaged ({str(error) or 'it ends early'})") from error


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
        UserError: The file is missing, not a NIfTI file, not three-dimensional, without a usable affine, or a mask of
            another case.
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
        ahead = next(blocks)  # the next block is decompressed while the caller works on this one
        for span in spans:
            block, ahead = ahead.result(), next(blocks, None)
            with np.errstate(over="ignore", invalid="ignore"):
                # The sum is faster than a test of each voxel, but it may overflow; then each voxel is tested below.
                suspicious = block.dtype.kind == "f" and not np.isfinite(block.sum())
            if suspicious and not np.isfinite(block).all():
                raise explain_problem(path, "holds NaN or infinite voxels")
            yield span, block
        while stream.read(BLOCK_BYTES):  # gzip's checksum is at the end of the stream
            pass


def _read_stored(stream: BinaryIO, shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    """Read the next voxels of a stream, the first axis fastest."""
    stored = np.empty(shape, kind, order="F")
    bytes_left = memoryview(stored.T.view(np.uint8)).cast("B") if stored.size else memoryview(b"")
    while bytes_left:
        if not (count := stream.readinto(bytes_left[:BLOCK_BYTES])):
            raise EOFError(f"{len(bytes_left)} bytes are missing")
        bytes_left = bytes_left[count:]
    return stored


def _stream_columns(volume: Volume, stream: BinaryIO) -> Callable[[slice], np.ndarray]:
    """Make the function that reads the next columns of a volume whose file has the workflow's axes."""
    slices, rows, _ = volume.geometry.shape
    return lambda span: volume.scale(_read_stored(stream, (slices, rows, span.stop - span.start), volume.kind))


def _cut_columns(volume: Volume, stream: BinaryIO) -> Callable[[slice], np.ndarray]:
    """Read a whole volume as stored, and make the function that cuts columns out of it, in the workflow's axes."""
    oriented = volume.geometry.orient(_read_stored(stream, volume.geometry.stored_shape, volume.kind))

    def cut(span: slice) -> np.ndarray:
        block = np.empty(oriented[..., span].shape, volume.kind, order="F")
        for number, plane in enumerate(oriented[..., span]):  # a plane's part of the block fits in the cache
            block[number] = plane
        return volume.scale(block)

    return cut


def read_integer_columns(path: Path, expected: str) -> Iterator[tuple[slice, np.ndarray]]:
    """Stream a volume of labels or a mask like `read_columns`, with its voxels as integers.

    Labels that a tool stored as float, or as integers that the header scales, are rounded if each lies within the
    rounding of its storage of a whole number.

    Args:
        path: The volume.
        expected: What the volume should hold, for the message.

    Raises:
        UserError: The reasons are those of `read_columns`, or a value is negative or no whole number.
    """
    volume = read_volume(path)
    step = max(ROUNDING, min(abs(volume.slope or 0), COARSEST))
    for span, block in read_columns(path):
        if block.dtype.kind == "f":
            whole = np.rint(block)
            away = np.abs(block - whole)
            if away.max() > step:
                raise explain_problem(
                    path,
                    f"holds {block.flat[away.argmax()]:.4g}, as maps of probability and interpolated masks do; "
                    f"expected {expected}, in whole numbers",
                    "apply a threshold, or resample it with the nearest neighbor",
                )
            block = whole
        if block.min() < 0:
            raise explain_problem(path, f"holds {block.min():g}; expected {expected}")
        yield span, block if block.dtype.kind in "iu" else block.astype(np.int64)


def read_label_columns(path: Path) -> Iterator[tuple[slice, np.ndarray]]:
    """Stream a label volume like `read_integer_columns`, with its voxels as uint8.

    Raises:
        UserError: The reasons are those of `read_integer_columns`, or a voxel is not 0 (background), 1 (kidney) or 2
            (tumor).
    """
    for span, block in read_integer_columns(path, "0, 1 and 2 only"):
        if block.max() > max(LABELS):
            values = ", ".join(map(str, np.unique(block[block > max(LABELS)])[:5]))
            raise explain_problem(path, f"holds labels {values}; expected 0, 1 and 2 only")
        yield span, block.astype(np.uint8, copy=False)


def read_label(path: Path) -> np.ndarray:
    """Read a label volume: shape (slices, rows, columns), uint8.

    Raises:
        UserError: The reasons are those of `read_label_columns`.
    """
    label = np.empty(read_geometry(path).shape, np.uint8, order="F")
    for span, block in read_label_columns(path):
        label[..., span] = block
    return label


def check_places(path: Path, *others: Path) -> Geometry:
    """Check that further volumes of a case have the shape and, to half a voxel, the place of the first, in any axes.

    What is odd about a header is said.

    Returns:
        The grid of the first.

    Raises:
        UserError: One has another shape or lies elsewhere, or cannot be read.
    """
    grids = {each: read_geometry(each) for each in (path, *others)}
    for each, grid in grids.items():
        if grid.doubt:
            print(f"warning: {each}: {grid.doubt}")
    geometry = grids.pop(path)
    for other, found in grids.items():
        if found.shape != geometry.shape:
            raise explain_problem(other, f"has shape {found.shape}, but {path} has {geometry.shape}")
        if not found.covers(geometry):
            raise explain_problem(
                other,
                f"does not lie where {path} lies, but up to {found.measure_distance(geometry):.3g} mm away: "
                "one affine is wrong, or they are of two scans",
            )
    return geometry


def write_volume(path: Path, volume: np.ndarray, affine: list[list[float]]) -> None:
    """Write a volume in its own type as a gzipped file, completely or not at all.

    A mask's header names its case, so that reading it under the name of another case fails.

    Args:
        path: The file to write, .nii.gz.
        volume: The voxels, shape (slices, rows, columns).
        affine: The 4 x 4 affine of the file, which decides in which axes the voxels are stored.

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
        name = _identify(path)
        image.header["descrip"] = f"{WRITER}{name}".encode() if name else b""  # so that a swapped file is noticed
        image.to_stream(stream)
