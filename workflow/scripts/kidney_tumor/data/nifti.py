"""Reading and writing volumes, which are NIfTI-1 files, in the axes (slices, rows, columns) of the workflow.

NIfTI stores the first axis fastest, so a file of KiTS19 is a sequence of (slices, rows) planes, one for each column.
Volumes are therefore streamed by columns, and only two blocks of planes are in memory at a time, however long the
volume is. A volume that is stored in other axes is read whole, and then passed on by columns, too.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import nibabel as nib
import numpy as np
from isal import igzip, isal_zlib
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.volumeutils import apply_read_scaling
from nibabel.wrapstruct import WrapStructError

from kidney_tumor.cli import UserError, suggest_remake, write_atomically
from kidney_tumor.data.cohort import CASE, VOLUMES
from kidney_tumor.data.grid import Geometry, find_fault, restore_axes

BACKGROUND, KIDNEY, TUMOR = LABELS = (0, 1, 2)

DEFLATE = 1032
"""The largest factor by which gzip can compress."""
BLOCK_BYTES = 16 * 2**20
"""The size of a block of columns as stored, small enough to stay in the processor's cache."""
# The errors that gzip and nibabel raise for a file that was cut or changed anywhere.
BROKEN = (
    EOFError,
    OSError,
    ValueError,
    TypeError,
    OverflowError,
    isal_zlib.error,
    ImageFileError,
    HeaderDataError,
    WrapStructError,
)


class VolumeError(UserError):
    """A volume that cannot be used; `what` says what is wrong with it, without its path and a remedy."""

    def __init__(self, message: str, what: str = "") -> None:  # as a process pool makes it again from its message
        super().__init__(message)
        self.what = what


def explain_problem(path: Path, what: str) -> VolumeError:
    """Make the error for a volume: its case if its folder names one, the file, what is wrong and what to do."""
    is_result = _identify(path) or path.parent.parent.name == "scans"
    if path.name in VOLUMES:
        remedy = "fetch or export it again, or leave the case out (data.exclude)"
    elif not path.is_file():
        remedy = "check the path"
    else:
        remedy = suggest_remake(path) if is_result else "copy or export it again"
    case = f"{path.parent.name}: " if CASE.fullmatch(path.parent.name) else ""
    return VolumeError(f"{case}{path} {what}; {remedy}", what)


def _identify(path: Path) -> str:
    """Name a mask of the workflow by its path: `case_00003/kidney` or `case_00003`; empty for any other file."""
    name = path.name.removesuffix(".nii.gz")
    if name.startswith("."):  # the temporary name of a download
        return ""
    if CASE.fullmatch(name):
        return name
    return f"{path.parent.name}/{name}" if CASE.fullmatch(path.parent.name) and path.name not in VOLUMES else ""


@contextmanager
def _open_volume(path: Path) -> Iterator[tuple[nib.Nifti1Image, BinaryIO]]:
    """Open a volume and its decompressed stream; raise a `UserError` for every way in which the file can be broken."""
    if not path.is_file():
        raise explain_problem(path, "is missing")
    try:
        is_plain = path.suffix == ".nii"
        with path.open("rb") if is_plain else igzip.open(path) as stream:
            image = nib.Nifti1Image.from_stream(stream)
            if image.ndim != 3 or min(image.shape) < 1:
                raise explain_problem(
                    path, f"has shape {image.shape}; expected three axes (slices, rows, columns), none empty"
                )
            if image.get_data_dtype().kind not in "iuf":
                raise explain_problem(path, "holds colors or complex numbers; expected plain numbers")
            if count_stored_bytes(image) > (1 if is_plain else DEFLATE) * path.stat().st_size:
                raise explain_problem(
                    path, f"is truncated: {path.stat().st_size} bytes cannot hold the shape {image.shape}"
                )
            written = bytes(image.header["descrip"].item()).decode("latin-1")
            if CASE.search(written) and _identify(path) not in ("", written):
                raise VolumeError(
                    f"{path} holds {written}; if it is one of a run's results, {suggest_remake(path)}",
                    f"holds {written}",
                )
            if fault := find_fault(image.header, Geometry(image.shape, image.affine.tolist())):
                raise explain_problem(path, fault)
            yield image, stream
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno:  # reading failed, the file may be good
            raise
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise explain_problem(
            path, f"is truncated or not a {'' if is_plain else 'gzipped '}NIfTI-1 file ({why})"
        ) from error


def read_geometry(path: Path) -> Geometry:
    """Read the grid of a volume from its header, without its voxels.

    Raises:
        UserError: The file is missing, not a NIfTI file, not three-dimensional, without a usable affine, or a mask of
            another case.
    """
    with _open_volume(path) as (image, _):
        return Geometry(image.shape, image.affine.tolist())


def count_stored_bytes(image: nib.Nifti1Image) -> int:
    """Count the bytes of a volume's header and voxels before compression, as the header states them."""
    return image.dataobj.offset + math.prod(image.shape) * image.get_data_dtype().itemsize


def count_decompressed_bytes(path: Path) -> int:
    """Count the bytes to which a volume's file must decompress, as its header states them.

    Raises:
        UserError: The reasons are those of `read_geometry`.
    """
    with _open_volume(path) as (image, _):
        return count_stored_bytes(image)


def read_columns(path: Path) -> Iterator[tuple[slice, np.ndarray]]:
    """Stream a volume in blocks of whole columns, each decompressed once.

    Yields:
        The columns of a block and its voxels, shape (slices, rows, columns of the block), in the stored type, or float
        where the header scales the values.

    Raises:
        UserError: The reasons are those of `read_geometry`, or the file ends early, fails its checksum, or holds NaN
            or infinite voxels.
    """
    with _open_volume(path) as (image, stream), ThreadPoolExecutor(1) as reader:
        geometry = Geometry(image.shape, image.affine.tolist())
        slices, rows, columns = geometry.shape
        width = max(1, BLOCK_BYTES // (slices * rows * image.get_data_dtype().itemsize))
        spans = [slice(start, min(start + width, columns)) for start in range(0, columns, width)]
        read = _stream_columns(image) if geometry.is_native else _cut_columns(image, stream, geometry)
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


def _stream_columns(image: nib.Nifti1Image) -> Callable[[slice], np.ndarray]:
    """Make the function that reads the next columns of a volume whose file has the workflow's axes."""
    return lambda span: np.asanyarray(image.dataobj[..., span])


def _cut_columns(image: nib.Nifti1Image, stream: BinaryIO, geometry: Geometry) -> Callable[[slice], np.ndarray]:
    """Read a whole volume as stored, and make the function that cuts columns out of it, in the workflow's axes."""
    stored = np.empty(image.shape, image.get_data_dtype(), order="F")
    stream.seek(image.dataobj.offset)
    bytes_left = memoryview(stored.T).cast("B")
    while bytes_left:
        if not (count := stream.readinto(bytes_left[:BLOCK_BYTES])):
            raise EOFError(f"{len(bytes_left)} bytes are missing")
        bytes_left = bytes_left[count:]
    oriented = geometry.orient(stored)

    def cut(span: slice) -> np.ndarray:
        block = np.empty(oriented[..., span].shape, stored.dtype, order="F")
        for number, plane in enumerate(oriented[..., span]):  # a plane's part of the block fits in the cache
            block[number] = plane
        return apply_read_scaling(block, image.dataobj.slope, image.dataobj.inter)

    return cut


def read_label_columns(path: Path) -> Iterator[tuple[slice, np.ndarray]]:
    """Stream a label volume like `read_columns`, with its voxels as uint8.

    Raises:
        UserError: The reasons are those of `read_columns`, or a voxel is not 0 (background), 1 (kidney) or 2 (tumor).
    """
    for span, block in read_columns(path):
        with np.errstate(invalid="ignore"):  # a value outside uint8 differs after the cast, and is reported below
            label = block.astype(np.uint8, copy=False)
        if label.max() > max(LABELS) or (label is not block and (label != block).any()):
            strange = block[(label > max(LABELS)) | (label != block)]
            values = ", ".join(f"{value:g}" for value in np.unique(strange)[:5])
            raise explain_problem(path, f"holds labels {values}; expected 0, 1 and 2 only")
        yield span, label


def read_label(path: Path) -> np.ndarray:
    """Read a label volume: shape (slices, rows, columns), uint8.

    Raises:
        UserError: The reasons are those of `read_label_columns`.
    """
    label = np.empty(read_geometry(path).shape, np.uint8, order="F")
    for span, block in read_label_columns(path):
        label[..., span] = block
    return label


def write_volume(path: Path, volume: np.ndarray, affine: list[list[float]]) -> None:
    """Write an integer volume as a gzipped file, completely or not at all.

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
        image.header["descrip"] = _identify(path).encode()  # so that a swapped file is noticed
        image.to_stream(stream)
