"""Decoding the pixels of a DICOM file, by pydicom and its plug-ins.

pydicom decodes what is not compressed, Deflated, and RLE; pylibjpeg JPEG 2000 and HTJ2K; GDCM JPEG and JPEG-LS.
"""

import logging
import os
import re
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import gdcm
import numpy as np
import pydicom
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import as_pixel_options, get_decoder
from pydicom.pixels.decoders.base import Decoder
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGExtended12Bit,
    JPEGLSTransferSyntaxes,
)

from kidney_tumor.errors import UserError

PLUGINS = ("pylibjpeg", "gdcm")
"""The plug-ins of pydicom that decode compressed pixels, the preferred first."""
TAGS = [
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
]
"""The attributes that are needed to decode pixels."""
CORRUPT = re.compile("Corrupt JPEG data: (?:premature end|bad).*")
"""What a library prints about a frame that it decodes wrongly."""
NOTHING = "GDCM makes nothing of its pixels"
complaints: BinaryIO
"""In the process of GDCM, the file to which its libraries print."""
EXPORT_AGAIN = "export the series again, complete and original"
EXPORT_PLAIN = "export the series again without compression (Explicit VR Little Endian)"


def refuse(path: Path, what: str, remedy: str = EXPORT_AGAIN) -> UserError:
    """Make the error for a series, or for a file of it, that is not converted."""
    return UserError(f"{path} {what}; {remedy}")


@contextmanager
def silence() -> Iterator[None]:
    """Keep the warnings and log lines of pydicom and its plug-ins back, since they repeat values of the header."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)


def read_frames(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Decode the frames of a DICOM file, one after the other.

    Yields:
        The stored values of a frame, shape (rows, columns), and which are padding: a mask of this shape, or of none.

    Raises:
        UserError: The file is cut, or cannot be decoded; the message says why.
    """
    try:
        dataset = pydicom.dcmread(path, force=True, specific_tags=TAGS)
        syntax = _find_syntax(path, dataset)
        decoder = _find_decoder(path, syntax, dataset)
        _check_length(path, dataset, syntax)
        by_codec = syntax in (*JPEG2000TransferSyntaxes, *JPEGLSTransferSyntaxes)
        for frame in _decode(path, dataset, decoder, by_codec):
            stored = frame if by_codec else _extract_bits(dataset, frame)
            yield stored, _find_padding(dataset, frame, stored)
    except (UserError, MemoryError):
        raise
    except OSError as error:
        if error.errno:
            raise
        raise _refuse_undecoded(path, error) from error
    except Exception as error:  # the plug-ins raise errors of any type
        raise _refuse_undecoded(path, error) from error


def _decode(path: Path, dataset: pydicom.Dataset, decoder: Decoder, by_codec: bool) -> Iterator[np.ndarray]:
    """Decode frames; their bits are those that are stored, unless the codec knows which of them count."""
    if _needs_gdcm(decoder, dataset):
        yield from _run_apart(_decode_extended, path, dataset.Rows, dataset.Columns)
        return
    plugins = [name for name in PLUGINS if name in decoder.available_plugins]
    # pydicom shifts bits as if HighBit were as usual.
    options = as_pixel_options(dataset, **({} if by_codec else {"correct_unused_bits": False}))
    if plugins == ["gdcm"]:
        offsets = options.pop("extended_offsets", None)
        encoded = generate_frames(
            dataset.PixelData, number_of_frames=options["number_of_frames"], extended_offsets=offsets
        )
        options["number_of_frames"] = 1
        yield from (_run_apart(_decode_frame, str(decoder.UID), frame, options) for frame in encoded)
        return
    frames = decoder.iter_array(
        dataset, raw=True, allow_excess_frames=False, decoding_plugin=(plugins or [""])[0], **options
    )
    yield from (frame for frame, _ in frames)


def _needs_gdcm(decoder: Decoder, dataset: pydicom.Dataset) -> bool:
    """Return whether frames are JPEG Extended of 12 bits, which GDCM decodes, but pydicom's plug-in for it refuses."""
    is_deep = str(decoder.UID) == JPEGExtended12Bit and dataset.BitsStored > 8
    return is_deep and "pylibjpeg" not in decoder.available_plugins


@cache
def _start_process() -> ProcessPoolExecutor:
    """Start a process in which GDCM decodes, since it ends its process on some damaged frames."""
    return ProcessPoolExecutor(1, initializer=_collect_complaints)


def _collect_complaints() -> None:
    """Let this process write what its C libraries print to a file that `_find_complaint` reads."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it
    global complaints
    complaints = tempfile.TemporaryFile()  # noqa: SIM115, as long as the process
    os.dup2(complaints.fileno(), 2)
    gdcm.Trace.WarningOff()  # which may repeat values of the header


def _find_complaint() -> None:
    """Raise an error if a library printed, since the last call, that a frame is corrupt.

    Raises:
        RuntimeError: It did; GDCM returns such a frame with whatever values.
    """
    complaints.seek(0)
    found = CORRUPT.search(complaints.read().decode("latin-1"))
    complaints.seek(0)
    complaints.truncate()
    if found:
        raise RuntimeError(found[0])


def _run_apart(decode: Callable[..., np.ndarray], *arguments: object) -> np.ndarray:
    """Call a function in the process of GDCM.

    Raises:
        RuntimeError: That process ended, or the function raised it.
    """
    try:
        return _start_process().submit(decode, *arguments).result()
    except BrokenProcessPool:
        _start_process.cache_clear()
        raise RuntimeError("GDCM stopped at it") from None


def _decode_frame(syntax: str, frame: bytes, options: Mapping[str, Any]) -> np.ndarray:
    """Decode a compressed frame by GDCM: shape (rows, columns)."""
    with silence():
        try:
            array, _ = get_decoder(syntax).as_array(encapsulate([frame]), raw=True, decoding_plugin="gdcm", **options)
        except RuntimeError as error:
            _find_complaint()
            raise RuntimeError(NOTHING if "'NoneType'" in str(error) else str(error)) from None
    _find_complaint()
    return array


def _decode_extended(path: Path, rows: int, columns: int) -> np.ndarray:
    """Decode a file in JPEG Extended by GDCM: shape (frames, rows, columns).

    Raises:
        RuntimeError: GDCM cannot decode it.
    """
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read() or reader.GetImage().GetPixelFormat().GetBitsStored() > 12:
        raise RuntimeError("GDCM reads JPEG Extended of up to 12 bits only")
    image = reader.GetImage()
    content = image.GetBuffer()
    _find_complaint()
    if content is None:
        raise RuntimeError(NOTHING)
    content = content.encode("utf-8", "surrogateescape")  # the binding takes bytes for text
    format_ = image.GetPixelFormat()
    kind = f"{'i' if format_.GetPixelRepresentation() else 'u'}{format_.GetBitsAllocated() // 8}"
    return np.frombuffer(content, kind).reshape(-1, rows, columns)


def _refuse_undecoded(path: Path, error: Exception) -> UserError:
    """Make the error for a file that pydicom cannot decode, with its own words."""
    why = " ".join(str(error).split()) or type(error).__name__
    return refuse(path, f"cannot be decoded ({why})")


def _find_syntax(path: Path, dataset: pydicom.Dataset) -> UID:
    """Find the transfer syntax of a file; one that lacks file meta information says by its bytes how it is encoded."""
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
    if syntax := dataset.file_meta.get("TransferSyntaxUID"):
        return UID(syntax)
    implicit, little = dataset.original_encoding
    if "PixelData" in dataset and dataset["PixelData"].is_undefined_length:
        raise refuse(path, "has compressed pixels, but does not say how (it lacks its transfer syntax)")
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _find_decoder(path: Path, syntax: UID, dataset: pydicom.Dataset) -> Decoder:
    """Find pydicom's decoder for a transfer syntax.

    Raises:
        UserError: There is none, or it is not installed.
    """
    named = f"{syntax.name} ({syntax})" if syntax.name != syntax else str(syntax)
    stored = f"is stored as {named}" if re.fullmatch(r"[0-9.]+", syntax) else "does not say how it is stored"
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise refuse(path, f"{stored}, for which pydicom has no decoder", EXPORT_PLAIN) from None
    dataset.file_meta.TransferSyntaxUID = syntax
    if not decoder.is_available:
        remedy = f"install it (`.venv/bin/python -m pip install {_find_package(decoder)}`), or {EXPORT_PLAIN}"
        raise refuse(path, f"{stored}, for which a decoder is missing", remedy)
    return decoder


def _find_package(decoder: Decoder) -> str:
    """Find the packages that would make a decoder available, by pydicom's list of what is missing."""
    missing = " ".join(decoder.missing_dependencies)
    return "python-gdcm" if "gdcm" in missing else " ".join(sorted(set(re.findall(r"pylibjpeg[-\w]*", missing))))


def _check_length(path: Path, dataset: pydicom.Dataset, syntax: UID) -> None:
    """Check that all pixels of a file are there.

    Raises:
        UserError: They are not.
    """
    if "PixelData" not in dataset or not dataset.PixelData:
        raise refuse(path, "holds no pixels, or is cut before they end")
    if not syntax.is_encapsulated:
        if dataset["PixelData"].is_undefined_length:
            raise refuse(path, f"has compressed pixels, but is stored as {syntax.name}, which is not compressed")
        frames = int(dataset.get("NumberOfFrames") or 1)
        expected = dataset.Rows * dataset.Columns * dataset.BitsAllocated // 8 * frames
        if len(dataset.PixelData) < expected:
            raise refuse(path, f"is cut: it has {len(dataset.PixelData)} of {expected} bytes of pixels")


def _extract_bits(dataset: pydicom.Dataset, frame: np.ndarray) -> np.ndarray:
    """Extract the values from the bits in which they are stored; the others may hold overlays, or anything."""
    spare = dataset.BitsAllocated - dataset.BitsStored
    if not spare:
        return frame
    above = dataset.BitsAllocated - 1 - int(dataset.get("HighBit", dataset.BitsStored - 1))
    return (frame << above) >> spare


def _find_padding(dataset: pydicom.Dataset, frame: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """Find out which values of a frame are padding, by the header: a mask of the frame's shape, or of none.

    Args:
        dataset: The header.
        frame: The values with all bits that are allocated.
        stored: The same with the bits that count.
    """
    ends = []
    for name in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        if isinstance(value := dataset.get(name), int):
            # Its type may be unsigned where the pixels are signed, and the other way round.
            value %= 2**dataset.BitsAllocated
            is_negative = dataset.PixelRepresentation and value >= 2 ** (dataset.BitsAllocated - 1)
            ends.append(value - is_negative * 2**dataset.BitsAllocated)
    if not ends:
        return np.False_
    whole = (frame >= min(ends)) & (frame <= max(ends))
    return whole if stored is frame else whole | ((stored >= min(ends)) & (stored <= max(ends)))
