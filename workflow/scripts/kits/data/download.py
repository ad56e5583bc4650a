"""Downloads that go on where they stopped, and are verified before they get their name.

huggingface_hub makes the requests, to a hub as to any other server: redirects, timeouts, growing pauses, Retry-After.
The partial file is kept here, because `hf_hub_download` deletes it when it gives up and does not read it after it was
killed (issue 4196 of huggingface_hub), and pooch starts over after each interruption.
"""

import hashlib
import os
import re
import time
from pathlib import Path

from filelock import FileLock
from huggingface_hub.errors import HfHubHTTPError, HTTPError
from huggingface_hub.utils import http_stream_backoff
from isal import igzip

from kits.cli import UserError, name_errors, write_atomically
from kits.data.nifti import BROKEN, count_decompressed_bytes, read_geometry

HEADERS = {"Accept-Encoding": "identity", "User-Agent": "kidney-tumor-segmentation workflow"}
CHUNK = 2**16
"""Bytes that are written at once; at most so many of an attempt that breaks off are lost."""
PROGRESS = 2**20
"""Bytes after which an attempt counts as one that got somewhere."""
LONGEST_PAUSE = 60
"""Seconds between two attempts, unless the server asks for more."""
REPORT_SECONDS = 10
"""Seconds between two lines about how far a download is."""
SHA256 = re.compile("[0-9a-f]{64}")
LOCKED = re.compile(rf"({SHA256.pattern}) [ *](\S.*)")
"""A line of `sha256sum`."""


class WrongContent(UserError):
    """What came is not the file; another attempt may bring it."""


def download(
    url: str, path: Path, lock: Path, like: Path | None = None, *, attempts: int, timeout: float, backoff: float
) -> None:
    """Fetch a volume, verify it, and only then give it its name; a volume that is there is not fetched.

    Args:
        url: its address.
        path: where it goes.
        lock: the lock file, as `check_locked` describes it.
        like: a volume that has the same shape, where it is there already.
        attempts: how many in a row may bring less than a megabyte before this gives up.
        timeout: seconds without a byte after which an attempt is given up.
        backoff: seconds before the second attempt, doubled before each further one, up to a minute.

    Raises:
        UserError: the server refuses, every attempt failed, the file is wrong twice, or it is not the lock file's.
    """
    shape = read_geometry(like).shape if like and like != path and like.is_file() else None
    read_lock(lock)  # a damaged one costs no download
    path.parent.mkdir(parents=True, exist_ok=True)
    # Named by the address: another one does not go on from what this one gave.
    part = path.with_name(f".partial.{path.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}")
    busy = path.with_name(f".partial.{path.name}.lock")
    with FileLock(busy):  # another run may fetch the same data
        try:
            for last in (False, True):
                if path.exists():
                    break
                stated = _fetch(url, part, attempts, timeout, backoff)
                try:
                    with part.open("rb") as file:
                        found = hashlib.file_digest(file, "sha256").hexdigest()
                    if stated not in (None, found):
                        raise WrongContent(f"what came is not what the server has (sha256 {found}, it states {stated})")
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
            for left in path.parent.glob(f".partial.{path.name}.*"):
                if path.exists() or not left.stat().st_size:
                    left.unlink()


def _fetch(url: str, part: Path, attempts: int, timeout: float, backoff: float) -> str | None:
    """Complete a partial file; return the SHA-256 that a hub states for the whole file, None of any other server.

    Raises:
        UserError: the server refuses, or every attempt failed.
    """
    patience = {"timeout": timeout, "base_wait_time": backoff, "max_wait_time": LONGEST_PAUSE}
    patience |= {"max_retries": attempts - 1, "retry_on_exceptions": ()}  # after an answer only; the rest is below
    failures = 0
    with name_errors(part), part.open("ab") as file:
        while True:
            have = file.tell()
            headers = HEADERS | ({"Range": f"bytes={have}-"} if have else {})
            try:
                with http_stream_backoff("GET", url, headers=headers, **patience) as response:
                    if response.is_success:
                        given, _, total = response.headers.get("Content-Range", "bytes 0-/").partition("/")
                        if not given.startswith(f"bytes {have}-"):  # the server starts over
                            file.seek(0)
                            file.truncate()
                        if not given.startswith(f"bytes {file.tell()}-"):
                            raise HTTPError("the server gave another part than was asked for")
                        reported = time.monotonic()
                        for chunk in response.iter_raw(CHUNK):
                            file.write(chunk)
                            if time.monotonic() > reported + REPORT_SECONDS:
                                reported = time.monotonic()
                                print(f"{part.parent.name}: {file.tell() / 1e6:.0f} MB so far", flush=True)
                        if total.isdecimal() and file.tell() < int(total):
                            raise HTTPError("the server gave less than was asked for")
                    elif response.status_code != 416:  # which says that nothing is missing
                        answer = f"{response.status_code} {response.reason_phrase}; check the addresses in download"
                        raise UserError(f"{url}: the server answers {answer}, and data.cases")
                    # A hub states it in the answer that redirects to the store of large files.
                    tags = [answer.headers.get("X-Linked-Etag", "") for answer in (*response.history, response)]
                    return next(filter(SHA256.fullmatch, (tag.strip('"') for tag in tags)), None)
            except HfHubHTTPError as error:  # what huggingface_hub raises after the last of its attempts
                problem = f"the server answers {error.response.status_code} {error.response.reason_phrase}"
                failures = attempts
            except HTTPError as error:
                problem = f"the download broke off ({str(error) or type(error).__name__})"
                failures = failures + 1 if file.tell() < have + PROGRESS else 1
            if failures >= attempts:
                kept = "; what came is kept, the same command goes on from it" if file.tell() else ""
                raise UserError(f"{url}: {problem}, {attempts} times{kept}")
            pause = min(LONGEST_PAUSE, backoff * 2 ** (failures - 1))
            print(f"{problem}; trying again in {pause:g} s", flush=True)
            time.sleep(pause)


def check_volume(path: Path, shape: tuple[int, int, int] | None = None) -> None:
    """Check a downloaded volume without its voxels.

    Args:
        path: gzipped NIfTI.
        shape: (slices, rows, columns) that it must have.

    Raises:
        WrongContent: gzip's checksum fails, there is no NIfTI header, voxels are missing, or the shape is another.
    """
    size = 0
    try:
        with igzip.open(path) as stream:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
    except BROKEN as error:
        raise WrongContent(f"what came is no whole gzip file ({error})") from error
    try:
        found, expected = read_geometry(path).shape, count_decompressed_bytes(path)
    except UserError as error:
        raise WrongContent("what came is no volume in NIfTI-1 format") from error
    if size < expected:
        raise WrongContent(f"what came ends before its last voxel ({size} of {expected} bytes)")
    if shape and found != shape:
        raise WrongContent(f"what came has shape {found}, the label has {shape}")


def read_lock(lock: Path) -> dict[str, str]:
    """SHA-256 of each file, from a lock file as `sha256sum` writes it; empty where there is none.

    Raises:
        UserError: it has another line.
    """
    known: dict[str, str] = {}
    for line in lock.read_text().splitlines() if lock.exists() else []:
        if not line.strip():
            continue
        if not (entry := LOCKED.fullmatch(line.strip())):
            raise UserError(f"{lock} has the line {line!r}; expected a sha256, two blanks, a name")
        known[entry[2]] = entry[1]
    return known


def check_locked(lock: Path, name: str, found: str) -> None:
    """Compare a file's SHA-256 with the lock file's, which `sha256sum --check` reads too; add it where it lacks.

    Raises:
        UserError: they differ.
    """
    with FileLock(lock.with_name(f".{lock.name}.lock")):
        known = read_lock(lock)
        if name not in known:
            known[name] = found
            with write_atomically(lock) as temporary:
                temporary.write_text("".join(f"{known[entry]}  {entry}\n" for entry in sorted(known)))
        if known[name] != found:
            raise UserError(
                f"what came is not what {lock} has (sha256 {found}, expected {known[name]}); if the data was meant to "
                f"change, remove its line from {lock}"
            )
