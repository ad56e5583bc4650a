"""Decoding the pixels of a DICOM file, by pydicom and its plug-ins.

pydicom decodes what is not compressed, Deflated, and RLE; pylibjpeg JPEG 2000 and HTJ2K; GDCM JPEG and JPEG-LS.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
from pydicom.encaps import generate_frames
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
from kidney_tumor.scans.gdcm_process import decode_extended, decode_frame, run_apart
from kidney_tumor.scans.refusals import refuse

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
EXPORT_PLAIN = "export the series again without compression (Explicit VR Little Endian)"


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
        yield from run_apart(decode_extended, path, dataset.Rows, dataset.Columns)
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
        yield from (run_apart(decode_frame, str(decoder.UID), frame, options) for frame in encoded)
        return
    frames = decoder.iter_array(
        dataset, raw=True, allow_excess_frames=False, decoding_plugin=(plugins or [""])[0], **options
    )
    yield from (frame for frame, _ in frames)


def _needs_gdcm(decoder: Decoder, dataset: pydicom.Dataset) -> bool:
    """Return whether frames are JPEG Extended of 12 bits, which GDCM decodes, but pydicom's plug-in for it refuses."""
    is_deep = str(decoder.UID) == JPEGExtended12Bit and dataset.BitsStored > 8
    return is_deep and "pylibjpeg" not in decoder.available_plugins


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
        return np.zeros((), bool)
    whole = (frame >= min(ends)) & (frame <= max(ends))
    return whole if stored is frame else whole | ((stored >= min(ends)) & (stored <= max(ends)))
