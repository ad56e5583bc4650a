"""Decoding frames by GDCM, in a process of its own, since GDCM ends its process on some damaged frames."""

import os
import re
import signal
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import gdcm
import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder

from kidney_tumor.scans.refusals import silence

CORRUPT = re.compile("Corrupt JPEG data: (?:premature end|bad).*")
"""What a library prints about a frame that it decodes wrongly."""
NOTHING = "GDCM makes nothing of its pixels"
complaints: BinaryIO
"""In the process of GDCM, the file to which its libraries print."""


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


def run_apart(decode: Callable[..., np.ndarray], *arguments: object) -> np.ndarray:
    """Call a function in the process of GDCM.

    Raises:
        RuntimeError: That process ended, or the function raised it.
    """
    try:
        return _start_process().submit(decode, *arguments).result()
    except BrokenProcessPool:
        _start_process.cache_clear()
        raise RuntimeError("GDCM stopped at it") from None


def decode_frame(syntax: str, frame: bytes, options: Mapping[str, Any]) -> np.ndarray:
    """Decode a compressed frame by GDCM: shape (rows, columns)."""
    with silence():
        try:
            array, _ = get_decoder(syntax).as_array(encapsulate([frame]), raw=True, decoding_plugin="gdcm", **options)
        except RuntimeError as error:
            _find_complaint()
            raise RuntimeError(NOTHING if "'NoneType'" in str(error) else str(error)) from None
    _find_complaint()
    return array


def decode_extended(path: Path, rows: int, columns: int) -> np.ndarray:
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
