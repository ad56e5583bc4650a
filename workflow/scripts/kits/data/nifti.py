"""Reading and writing KiTS19 volumes: `(slices, rows, columns)` NIfTI-1 files, gzipped.

NIfTI stores the first axis fastest, so a file is a run of `(slices, rows)` planes, one for each column. Volumes are
therefore streamed by columns: a 1059-slice volume of float64 never needs more than one block of planes.
"""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from isal import igzip, isal_zlib
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from kits.cli import UserError, suggest_remake, write_atomically
from kits.data.cohort import CASE, VOLUMES

BACKGROUND, KIDNEY, TUMOR = LABELS = (0, 1, 2)

DEFLATE = 1032
"""Of so many bytes at most gzip makes one."""
BLOCK_BYTES = 16 * 2**20
"""Of a block of columns as stored: small enough to stay in the processor's cache."""
# What gzip and nibabel raise for a file cut or changed anywhere.
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


@dataclass(frozen=True)
class Geometry:
    """Shape in voxels, `(slices, rows, columns)`, and the 4 x 4 affine from voxel indices to mm."""

    shape: tuple[int, int, int]
    affine: list[list[float]]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxels along each axis, mm."""
        slices, rows, columns = np.linalg.norm(np.array(self.affine)[:3, :3], axis=0).tolist()
        return slices, rows, columns


def explain_problem(path: Path, what: str) -> UserError:
    """The error of a volume: the case where its folder names one, the file, what is wrong, what to do."""
    case = f"{path.parent.name}: " if CASE.fullmatch(path.parent.name) else ""
    if path.name in VOLUMES:
        mend = "fetch or export it again, or leave the case out (data.cases)"
    else:
        mend = suggest_remake(path) if path.is_file() and _identify(path) else "check the path"
    return UserError(f"{case}{path} {what}; {mend}")


def _identify(path: Path) -> str:
    """What a mask of the workflow is by its place, `case_00003/kidney` or `case_00003`; empty of any other file."""
    name = path.name.removesuffix(".nii.gz")
    if name.startswith("."):  # a download's temporary name
        return ""
    if CASE.fullmatch(name):
        return name
    return f"{path.parent.name}/{name}" if CASE.fullmatch(path.parent.name) and path.name not in VOLUMES else ""


@contextmanager
def _open_volume(path: Path) -> Iterator[tuple[nib.Nifti1Image, igzip.IGzipFile]]:
    """The image and its decompressed stream; every way a file can be broken becomes a `UserError`."""
    if not path.is_file():
        raise explain_problem(path, "is missing")
    try:
        with igzip.open(path) as stream:
            image = nib.Nifti1Image.from_stream(stream)
            if image.ndim != 3 or min(image.shape) < 1:
                raise explain_problem(
                    path, f"has shape {image.shape}; expected three axes (slices, rows, columns), none empty"
                )
            if image.get_data_dtype().kind not in "iuf":
                raise explain_problem(path, "holds colours or complex numbers; expected plain numbers")
            if count_stored_bytes(image) > DEFLATE * path.stat().st_size:
                raise explain_problem(
                    path, f"is truncated: {path.stat().st_size} bytes cannot hold the shape {image.shape}"
                )
            written = bytes(image.header["descrip"].item()).decode("latin-1")
            if CASE.search(written) and _identify(path) not in ("", written):
                raise UserError(f"{path} holds {written}; if it is one of a run's results, {suggest_remake(path)}")
            yield image, stream
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno:  # not the file, but the reading of it
            raise
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise explain_problem(path, f"is truncated or not a gzipped NIfTI-1 file ({why})") from error


def read_geometry(path: Path) -> Geometry:
    """Shape and affine, from the header alone.

    Raises:
        UserError: the file is missing, no NIfTI file, not three-dimensional, or a mask of another case.
    """
    with _open_volume(path) as (image, _):
        return Geometry(image.shape, image.affine.tolist())


def count_stored_bytes(image: nib.Nifti1Image) -> int:
    """What a volume's header promises, header and voxels, before compression."""
    return image.dataobj.offset + math.prod(image.shape) * image.get_data_dtype().itemsize


def count_decompressed_bytes(path: Path) -> int:
    """How many bytes a volume's file must decompress to, by its header.

    Raises:
        UserError: as `read_geometry`.
    """
    with _open_volume(path) as (image, _):
        return count_stored_bytes(image)


def read_columns(path: Path) -> Iterator[tuple[slice, np.ndarray]]:
    """Stream a volume in blocks of whole columns, each decompressed once.

    Yields:
        The block's columns and its voxels, shape (slices, rows, columns of the block), in the stored type, or float
        where the header scales.

    Raises:
        UserError: as `read_geometry`; the file ends early, fails its checksum, or holds NaN or infinite voxels.
    """
    with _open_volume(path) as (image, stream), ThreadPoolExecutor(1) as reader:
        slices, rows, columns = image.shape
        width = max(1, BLOCK_BYTES // (slices * rows * image.get_data_dtype().itemsize))
        spans = [slice(start, min(start + width, columns)) for start in range(0, columns, width)]
        blocks = (reader.submit(lambda span=span: np.asanyarray(image.dataobj[..., span])) for span in spans)
        ahead = next(blocks)  # a block is decompressed while its user works on the one before
        for span in spans:
            block, ahead = ahead.result(), next(blocks, None)
            with np.errstate(over="ignore", invalid="ignore"):
                # Known faster than of each voxel; it may overflow, and only then each voxel is looked at.
                suspicious = block.dtype.kind == "f" and not np.isfinite(block.sum())
            if suspicious and not np.isfinite(block).all():
                raise explain_problem(path, "holds NaN or infinite voxels")
            yield span, block
        while stream.read(BLOCK_BYTES):  # gzip's checksum stands at the end of the stream
            pass


def read_label_columns(path: Path) -> Iterator[tuple[slice, np.ndarray]]:
    """Stream a label volume as `read_columns` does, voxels as uint8.

    Raises:
        UserError: as `read_columns`; a voxel holds anything but 0 (background), 1 (kidney), 2 (tumor).
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
    """A label volume, shape (slices, rows, columns), uint8.

    Raises:
        UserError: as `read_label_columns`.
    """
    label = np.empty(read_geometry(path).shape, np.uint8, order="F")
    for span, block in read_label_columns(path):
        label[..., span] = block
    return label


def write_volume(path: Path, volume: np.ndarray, affine: list[list[float]]) -> None:
    """Write an integer volume, shape (slices, rows, columns), gzipped, whole or not at all.

    A file that lies under a case's name says so in its header, and is refused under another case's.

    Raises:
        UserError: the name does not end in .nii.gz.
    """
    if not path.name.endswith(".nii.gz"):
        raise UserError(f"{path}: a volume is written as .nii.gz; give it such a name")
    with (
        write_atomically(path) as temporary,
        temporary.open("wb") as file,
        igzip.IGzipFile("", "wb", fileobj=file, mtime=0) as stream,  # no name, no time: the same bytes every time
    ):
        image = nib.Nifti1Image(volume, np.array(affine))
        image.header["descrip"] = _identify(path).encode()  # by which a swapped file is known
        image.to_stream(stream)
