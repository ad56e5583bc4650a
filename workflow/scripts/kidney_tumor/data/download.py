"""Downloads that resume where they stopped, and that are verified before they get their final name.

huggingface_hub makes the requests, to a hub and to any other server: redirects, timeouts, growing pauses, Retry-After.
This module keeps the partial file, because `hf_hub_download` deletes it when it gives up and does not read it after it
was killed (issue 4196 of huggingface_hub), and pooch starts over after each interruption.
"""

import hashlib
import os
import re
import time
from pathlib import Path
from typing import Any

from filelock import FileLock
from huggingface_hub.errors import HfHubHTTPError, HTTPError
from huggingface_hub.utils import http_stream_backoff
from isal import igzip

from kidney_tumor.errors import UserError
from kidney_tumor.files import name_errors, write_text
from kidney_tumor.volumes.nifti import CUT, read_geometry, read_volume

HEADERS = {"Accept-Encoding": "identity", "User-Agent": "kidney-tumor-segmentation workflow"}
CHUNK = 2**16
"""The number of bytes written at once, which is the most that an interrupted attempt loses."""
PROGRESS = 2**20
"""An interrupted attempt that brought at least this number of bytes restarts the count of failed attempts."""
LONGEST_PAUSE = 60
"""The longest pause between two attempts in seconds, unless the server asks for a longer one."""
REPORT_SECONDS = 10
"""The seconds between two lines that report the progress of a download."""
SHA256 = re.compile("[0-9a-f]{64}")
LOCKED = re.compile(rf"({SHA256.pattern}) [ *](\S.*)")
"""A line as `sha256sum` writes it."""


class WrongContent(UserError):
    """The downloaded file is wrong; another attempt may bring the right one."""


def download(
    url: str, path: Path, lock: Path, like: Path | None = None, *, attempts: int, timeout: float, backoff: float
) -> None:
    """Fetch a volume, verify it, and only then give it its name; do nothing if it exists.

    Args:
        url: The address of the volume.
        path: The path of the file to write.
        lock: The lock file with the checksums, which `check_locked` describes.
        like: A volume of the same shape, against which the shape is checked if that volume exists.
        attempts: The number of attempts in a row that may bring less than a megabyte.
        timeout: The seconds without a byte after which an attempt is given up.
        backoff: The seconds before the second attempt, doubled before each further one, up to a minute.

    Raises:
        UserError: The server refuses, every attempt failed, the file is wrong twice, or it differs from the lock file.
    """
    shape = read_geometry(like).shape if like and like != path and like.is_file() else None
    read_lock(lock)  # so that a damaged lock file is reported before any download
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name depends on the address, so that no download resumes what another address gave.
    part = path.with_name(f".partial.{path.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}")
    busy = path.with_name(f".partial.{path.name}.lock")
    with FileLock(busy):  # another run may fetch the same file
        try:
            for last in (False, True):
                if path.exists():
                    break
                stated = _fetch(url, part, attempts, timeout, backoff)
                try:
                    with part.open("rb") as file:
                        found = hashlib.file_digest(file, "sha256").hexdigest()
                    if stated not in (None, found):
                        raise WrongContent(f"the download has sha256 {found}, but the server states {stated}")
                    check_volume(part, shape)
                    check_locked(lock, "/".join(path.parts[-2:]), found)
                except UserError as error:
                    part.unlink()
                    if last or not isinstance(error, WrongContent):
                        raise UserError(f"{url}: {error}") from error
                    print(f"{error}; fetching it again", flush=True)
                else:
                    os.replace(part, path)
        finally:
            for left in {*path.parent.glob(f".partial.{path.name}.*")} - {busy}:
                if path.exists() or not left.stat().st_size:
                    left.unlink()
            if path.exists():  # then nobody else needs the lock; until then another process may hold it next
                busy.unlink(missing_ok=True)


def _fetch(url: str, part: Path, attempts: int, timeout: float, backoff: float) -> str | None:
    """Complete a partial file; return the SHA-256 that the server states for the whole file, None if it states none.

    Raises:
        UserError: The server refuses, or every attempt failed.
    """
    patience: dict[str, Any] = {"timeout": timeout, "base_wait_time": backoff, "max_wait_time": LONGEST_PAUSE}
    patience |= {"max_retries": attempts - 1, "retry_on_exceptions": ()}  # interrupted requests are repeated below
    failures = 0
    with name_errors(part), part.open("ab") as file:
        while True:
            have = file.tell()
            headers = HEADERS | ({"Range": f"bytes={have}-"} if have else {})
            try:
                with http_stream_backoff("GET", url, headers=headers, **patience) as response:
                    if response.is_success:
                        given, _, total = response.headers.get("Content-Range", "bytes 0-/").partition("/")
                        if not given.startswith(f"bytes {have}-"):  # the server sends the file from its start
                            file.seek(0)
                            file.truncate()
                        if not given.startswith(f"bytes {file.tell()}-"):
                            raise HTTPError("the server sent another part than requested")
                        reported = time.monotonic()
                        for chunk in response.iter_raw(CHUNK):
                            file.write(chunk)
                            if time.monotonic() > reported + REPORT_SECONDS:
                                reported = time.monotonic()
                                print(f"{part.parent.name}: {file.tell() / 1e6:.0f} MB so far", flush=True)
                        if total.isdecimal() and file.tell() < int(total):
                            raise HTTPError("the server sent less than requested")
                    elif response.status_code != 416:  # 416 means that the file is complete
                        answer = f"{response.status_code} {response.reason_phrase}; check the addresses in download"
                        raise UserError(f"{url}: the server answers {answer}, and data.cases")
                    # A hub states the checksum in the response that redirects to its storage of large files.
                    tags = [answer.headers.get("X-Linked-Etag", "") for answer in (*response.history, response)]
                    return next(filter(SHA256.fullmatch, (tag.strip('"') for tag in tags)), None)
            except HfHubHTTPError as error:  # huggingface_hub raises this after its last attempt
                problem = f"the server answers {error.response.status_code} {error.response.reason_phrase}"
                failures = attempts
            except HTTPError as error:
                problem = f"the download was interrupted ({str(error) or type(error).__name__})"
                failures = failures + 1 if file.tell() < have + PROGRESS else 1
            if failures >= attempts:
                kept = "; the partial file is kept, run the same command again to resume" if file.tell() else ""
                raise UserError(f"{url}: {problem}, {attempts} times{kept}")
            pause = min(LONGEST_PAUSE, backoff * 2 ** (failures - 1))
            print(f"{problem}; trying again in {pause:g} s", flush=True)
            time.sleep(pause)


def check_volume(path: Path, shape: tuple[int, int, int] | None = None) -> None:
    """Check that a downloaded file is a complete volume; the values of its voxels are not looked at.

    Args:
        path: The gzipped NIfTI file.
        shape: The shape (slices, rows, columns) that the volume must have, or None for any shape.

    Raises:
        WrongContent: gzip's checksum fails, there is no NIfTI header, voxels are missing, or the shape differs.
    """
    size = 0
    try:
        with igzip.open(path) as stream:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
    except CUT as error:
        raise WrongContent(f"the download is not a complete gzip file ({error})") from error
    try:
        volume = read_volume(path)
        found, expected = volume.geometry.shape, volume.stored_bytes
    except UserError as error:
        raise WrongContent("the download is not a volume in NIfTI format") from error
    if size < expected:
        raise WrongContent(f"the download ends before its last voxel ({size} of {expected} bytes)")
    if shape and found != shape:
        raise WrongContent(f"the download has shape {found}, the label has {shape}")


def read_lock(lock: Path) -> dict[str, str]:
    """Read the SHA-256 of each file from a lock file in the format of `sha256sum`; empty if there is no lock file.

    Raises:
        UserError: A line does not have that format.
    """
    known: dict[str, str] = {}
    for line in lock.read_text().splitlines() if lock.exists() else []:
        if not line.strip():
            continue
        if not (entry := LOCKED.fullmatch(line.strip())):
            raise UserError(f"{lock} has the line {line!r}; expected a sha256, two spaces and a name")
        known[entry[2]] = entry[1]
    return known


def check_locked(lock: Path, name: str, found: str) -> None:
    """Compare a file's SHA-256 with the lock file, or add it there; `sha256sum --check` reads the lock file too.

    Raises:
        UserError: The checksums differ.
    """
    with FileLock(lock.with_name(f".{lock.name}.lock")):
        known = read_lock(lock)
        if name not in known:
            known[name] = found
            write_text(lock, "".join(f"{known[entry]}  {entry}\n" for entry in sorted(known)))
        if known[name] != found:
            raise UserError(
                f"the download has sha256 {found}, but {lock} lists {known[name]}; if the data was meant to change, "
                f"remove its line from {lock}"
            )
