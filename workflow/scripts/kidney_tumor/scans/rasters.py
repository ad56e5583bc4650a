"""Converting the volumes of 3D Slicer and ITK to NIfTI: NRRD (.nrrd, .nhdr) by pynrrd, and MetaImage (.mha, .mhd).

MetaImage is read here, since ITK's reader returns whatever lies in memory where voxels cannot be decompressed, and says
nothing of a file that does not state its directions.
"""

import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import nrrd
import numpy as np

from kidney_tumor.errors import UserError
from kidney_tumor.scans.dicom import shrink
from kidney_tumor.scans.folder import HEADER_BYTES, find_detached
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.nifti import write_volume

LPS = "left-posterior-superior"
SPACES = {LPS: (-1, -1, 1), "right-anterior-superior": (1, 1, 1), "left-anterior-superior": (-1, 1, 1)}
"""The names of NRRD's spaces that say which way their axes point, with the signs that lead to right, front, up."""
SHORT = {"lps": LPS, "ras": "right-anterior-superior", "las": "left-anterior-superior"}
WORDS = {b"type", b"encoding", b"endian", b"space", b"kinds"}
"""The fields of NRRD whose values are words of the format."""
SPACE_KINDS = {"domain", "space", "???", "none"}
"""The kinds of NRRD's axes that may be an axis of the volume."""
MET_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
"""The types of MetaImage's voxels."""


def convert_raster(path: Path, output: Path) -> None:
    """Convert a volume in a file .nrrd, .nhdr, .mha or .mhd to a gzipped NIfTI volume, completely or not at all.

    Its axes and values stay as they are; integers become int16 where they fit, all other values float32.

    Raises:
        UserError: The file is damaged or cut, is no single volume of plain numbers, does not say where its voxels lie,
            or the name of `output` does not end in .nii.gz.
    """
    detached = find_detached(path)
    if detached and (detached.name.split()[0] == "LIST" or "%" in detached.name):
        raise _refuse(path, "has its voxels in several files")
    if detached and not detached.is_file():
        raise _refuse(path, f"names the file of its voxels, {detached.name}, which is missing")
    try:
        with warnings.catch_warnings(action="ignore"):
            read = _read_nrrd if path.suffix.lower() in (".nrrd", ".nhdr") else _read_metaimage
            volume, affine = read(path)
    except (UserError, MemoryError):
        raise
    except OSError as error:
        if error.errno:
            raise
        raise _refuse(path, f"cannot be read ({error})") from error
    except Exception as error:  # pynrrd raises errors of many types
        why = " ".join(str(error).split()) or type(error).__name__
        differs = "product of all the dimensions" in why or "multiple of element size" in why  # by pynrrd and numpy
        what = "is cut, or its sizes are not those of its voxels" if differs else "cannot be read"
        raise _refuse(path, f"{what} ({why})") from error
    if volume.ndim != 3 or min(volume.shape) < 1:
        raise _refuse(path, f"has shape {volume.shape}; expected three axes, none empty")
    if not np.isfinite(affine).all() or not np.linalg.det(affine[:3, :3]):
        raise _refuse(path, "has directions that are none (they are singular)")
    geometry = Geometry(volume.shape, affine.tolist())
    write_volume(output, geometry.orient(shrink(volume)), geometry.stored_affine)


def _refuse(path: Path, what: str) -> UserError:
    """Make the error for a volume that is not converted."""
    return UserError(f"{path} {what}; save it again as one volume in HU with its directions, or as .nii.gz")


def _make_affine(directions: np.ndarray, origin: np.ndarray, signs: tuple[int, int, int]) -> np.ndarray:
    """Make an affine to NIfTI's world: right, front, up.

    Args:
        directions: The step from a voxel to the next along each axis in mm, shape (axes, 3), in the file's own world.
        origin: The place of the first voxel there.
        signs: The signs that lead from that world to NIfTI's.
    """
    affine = np.eye(4)
    affine[:3] = np.diag(signs) @ np.column_stack([*directions, origin])
    return affine


def _read_nrrd(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a NRRD file: its voxels in the order of its axes, and the affine.

    Source: https://teem.sourceforge.net/nrrd/format.html.
    """
    with path.open("rb") as file:
        header = nrrd.read_header(_lower_fields(file))
        kinds = list(header.get("kinds", ["???"] * header["dimension"]))
        sizes = [int(size) for size in header["sizes"]]
        axes = [
            axis for axis, (kind, size) in enumerate(zip(kinds, sizes, strict=True)) if size > 1 or _is_spatial(kind)
        ]
        strange = [kinds[axis] for axis in axes if not _is_spatial(kinds[axis])]
        if strange or len(axes) != 3:
            of_kinds = f" of the kinds {' '.join(kinds)}" if "kinds" in header else ""
            shape = " x ".join(map(str, sizes))
            raise _refuse(path, f"holds {shape} values{of_kinds}; expected three axes in space, no colors")
        if header["type"] == "block":
            raise _refuse(path, "holds blocks of bytes; expected plain numbers")
        if {"old min", "oldmin", "old max", "oldmax"} & set(header):
            raise _refuse(path, "holds quantized values (old min, old max), not HU")
        space = SHORT.get(header.get("space", ""), header.get("space", ""))
        if space not in SPACES:
            raise _refuse(path, "does not say which way its axes point (its space is none of LPS, RAS, LAS)")
        if {unit for unit in header.get("space units", []) if unit} - {"mm", ""}:
            raise _refuse(path, "states its lengths in another unit than mm")
        if "space directions" not in header or "space origin" not in header:
            raise _refuse(path, "does not say where its voxels lie (it lacks space directions or space origin)")
        directions = np.array(header["space directions"], float)[axes]
        voxels = nrrd.read_data(header, file, str(path))
    return voxels.reshape([sizes[axis] for axis in axes], order="F"), _make_affine(
        directions, np.array(header["space origin"], float), SPACES[space]
    )


def _lower_fields(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a NRRD header with fields and words in lower case, which pynrrd asks for, not the format."""
    for line in iter(file.readline, b""):
        name, colon, value = line.partition(b": ")
        if colon and not name.startswith(b"#"):
            name = name.lower()
            value = value.lower() if name in WORDS else value
        yield name + colon + value


def _is_spatial(kind: str) -> bool:
    """Return whether an axis of NRRD may be an axis of the volume."""
    return kind in SPACE_KINDS


def _read_metaimage(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a MetaImage: its voxels in the order of its axes, and the affine; its world points left, back and up.

    The matrix decides where the axes point: `AnatomicalOrientation` follows from it, and ITK does not read it either.
    Source: https://itk.org/Wiki/ITK/MetaIO/Documentation.
    """
    with path.open("rb") as file:
        header: dict[str, str] = {}
        while "ElementDataFile" not in header:
            line = file.readline(HEADER_BYTES)
            name, equals, value = line.decode("latin-1").partition("=")
            if not equals or file.tell() > HEADER_BYTES:
                raise _refuse(path, "is cut within its header, or no MetaImage")
            header[name.strip()] = value.strip()

        def get(*names: str) -> list[str]:
            return next((header[name].split() for name in names if name in header), [])

        sizes = [int(size) for size in get("DimSize")]
        axes = len(sizes)
        while len(sizes) > 3 and sizes[-1] == 1:
            sizes.pop()
        channels = int((get("ElementNumberOfChannels") or ["1"])[0])
        if len(sizes) != 3 or channels != 1:
            shape = " x ".join(map(str, sizes))
            raise _refuse(path, f"holds {shape} voxels of {channels} values; expected three axes and one value")
        if header.get("ElementType") not in MET_TYPES:
            raise _refuse(path, "holds arrays or no known type of numbers; expected plain numbers")
        scale = get("ElementToIntensityFunctionSlope"), get("ElementToIntensityFunctionOffset")
        if [float((given or [default])[0]) for given, default in zip(scale, "10", strict=True)] != [1, 0]:
            raise _refuse(path, "states a scale for its values (ElementToIntensityFunction), which ITK does not apply")
        spacing, matrix = get("ElementSpacing", "ElementSize"), get("TransformMatrix", "Rotation", "Orientation")
        origin = get("Offset", "Position", "Origin")
        for name, given, count in (
            ("ElementSpacing", spacing, axes),
            ("TransformMatrix", matrix, axes**2),
            ("Offset", origin, axes),
        ):
            if len(given) != count:
                raise _refuse(path, f"does not say where its voxels lie (it lacks {name})")
        steps = np.array(matrix, float).reshape(axes, axes) * np.array(spacing, float)[:, None]
        order = ">" if _is_true(get("BinaryDataByteOrderMSB", "ElementByteOrderMSB")) else "<"
        kind = np.dtype(order + MET_TYPES[header["ElementType"]])
        voxels = _read_elements(path, file.tell(), header, int(np.prod(sizes, dtype=object)), kind)
    return voxels.reshape(sizes, order="F"), _make_affine(steps[:3, :3], np.array(origin, float)[:3], SPACES[LPS])


def _is_true(words: list[str]) -> bool:
    """Return whether a MetaImage says yes, as by `True` or `T`."""
    return bool(words) and words[0].lower() in ("true", "t", "1", "yes")


def _read_elements(path: Path, start: int, header: dict[str, str], count: int, kind: np.dtype) -> np.ndarray:
    """Read the voxels of a MetaImage, which follow its header or lie in a file of their own: shape (voxels,).

    Raises:
        UserError: They are not all there.
    """
    holder = find_detached(path) or path
    with holder.open("rb") as file:
        skipped = int(header.get("HeaderSize", 0))
        content_bytes = count * kind.itemsize
        if holder == path:
            file.seek(start)
        elif skipped >= 0:
            file.seek(skipped)
        else:  # the voxels are at the end
            file.seek(max(0, holder.stat().st_size - content_bytes))
        if not _is_true([header.get("BinaryData", "True")]):
            return np.array(file.read().split(), kind)
        content = file.read()
    if _is_true([header.get("CompressedData", "False")]):
        stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        content = stream.decompress(content, content_bytes)
    if len(content) < content_bytes:
        raise _refuse(holder, f"is cut: it has {len(content)} of {content_bytes} bytes of voxels")
    return np.frombuffer(content, kind, count)
