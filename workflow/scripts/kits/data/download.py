"""Downloads that go on where they stopped, try again, and are verified before they get their name."""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import urllib3
from filelock import FileLock
from isal import igzip

from kits.cli import UserError, name_errors, write_atomically, write_json
from kits.data.nifti import BROKEN, count_decompressed_bytes, read_geometry

TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
"""Answers after which it is worth to ask again."""
CHUNK = 2**16
"""Bytes that are written at once; so many of an attempt that breaks off are lost at most."""
PROGRESS = 2**20
"""Bytes after which an attempt counts as one that got somewhere."""
LOCKED = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")
"""A line of `sha256sum`."""
LONGEST_WAIT = 60.0
LONGEST_PAUSE = 3600.0
"""Seconds, of those a server asks for."""
REPORT_SECONDS = 10.0


class WrongContent(UserError):
    """What came is not the file; another attempt may bring it."""


class Interrupted(Exception):
    """A download stopped; the next attempt goes on from what came.

    Attributes:
        wait: seconds the server asks for.
    """

    def __init__(self, why: str, wait: float = 0) -> None:
        super().__init__(why)
        self.wait = wait


def download(
    url: str,
    path: Path,
    verify: Callable[[Path], None],
    *,
    attempts: int = 8,
    timeout: float = 60,
    backoff: float = 1,
    report: Callable[[str], None] = print,
) -> None:
    """Fetch a file, verify it, and only then give it its name.

    What came lies at `.partial.<name>` beside it, with a record of what it is part of, until the file is whole.

    Args:
        url: of the file.
        path: where it goes.
        verify: raises `WrongContent` where the whole file is not what it should be; it is then fetched once more.
        attempts: in a row that bring less than a megabyte, before this gives up.
        timeout: seconds without a byte after which an attempt is given up.
        backoff: seconds before the second attempt; doubled before each further one, up to a minute.
        report: receives a line from time to time.

    Raises:
        UserError: the server has no such file or gives it to nobody, every attempt failed, the file is wrong twice,
            or `verify` raised it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".partial.{path.name}.lock")
    with FileLock(lock):  # of another run on the same data
        try:
            if not path.exists():
                _download(url, path, verify, attempts, timeout, backoff, report)
        finally:
            lock.unlink(missing_ok=True)


def _download(
    url: str,
    path: Path,
    verify: Callable[[Path], None],
    attempts: int,
    timeout: float,
    backoff: float,
    report: Callable[[str], None],
) -> None:
    """`download`, while no other process fetches the same file."""
    part = path.with_name(f".partial.{path.name}")
    record = path.with_name(f".partial.{path.name}.json")
    failures, wrong = 0, 0
    while True:
        before = _size(part)
        try:
            _fetch(url, part, record, timeout, report)
        except Interrupted as error:
            failures = failures + 1 if _size(part) < before + PROGRESS else 1
            if failures >= attempts:
                kept = "; what came is kept, the same command goes on from it" if _size(part) else ""
                raise UserError(f"{url}: {error}, {attempts} times{kept}") from error
            wait = max(error.wait, min(LONGEST_WAIT, backoff * 2 ** (failures - 1)))
            report(f"{error}; trying again in {wait:g} s")
            time.sleep(wait)
            continue
        try:
            verify(part)
        except UserError as error:
            part.unlink(missing_ok=True)
            record.unlink(missing_ok=True)
            wrong += 1
            if wrong == 2 or not isinstance(error, WrongContent):
                raise UserError(f"{url}: {error}") from error
            report(f"{error}; fetching it again")
            continue
        os.replace(part, path)
        record.unlink(missing_ok=True)
        return


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _fetch(url: str, part: Path, record: Path, timeout: float, report: Callable[[str], None]) -> None:
    """Fetch what is missing of a file.

    Raises:
        Interrupted: not all of it came.
        UserError: the server refuses.
    """
    known = _read_record(record, url)
    have = _size(part) if known else 0
    if known and have == known["total"]:
        return
    headers = {"Accept-Encoding": "identity", "User-Agent": "kidney-tumor-segmentation workflow"}
    if have and known["validator"]:
        headers |= {"Range": f"bytes={have}-", "If-Range": known["validator"]}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
            if response.status_code == 416:  # the file became shorter
                part.unlink(missing_ok=True)
                raise Interrupted("the server has no such range")
            if response.status_code in TRANSIENT:
                asked = response.headers.get("Retry-After", "")
                wait = min(float(asked), LONGEST_PAUSE) if asked.isdecimal() else 0.0
                raise Interrupted(f"the server answers {response.status_code} {response.reason}", wait)
            if not response.ok:
                answer = f"{response.status_code} {response.reason}"
                raise UserError(f"{url}: the server answers {answer}; check the addresses in download, and data.cases")
            total = int(response.headers.get("Content-Length", 0))
            if response.status_code == 206:
                given = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
                if not given or int(given[1]) != have:
                    part.unlink(missing_ok=True)
                    raise Interrupted("the server gives another range than was asked for")
                total = int(given[2])
            else:  # it cannot go on, or has another file than the one begun; what came goes before its record does
                part.unlink(missing_ok=True)
                have = 0
            _write_record(record, url, response, total)
            _receive(response, part, have, total, report)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise Interrupted(f"the connection broke ({type(error).__name__})") from error
    if total and _size(part) != total:
        raise Interrupted(f"{_size(part)} of {total} bytes came")


def _receive(response: requests.Response, part: Path, have: int, total: int, report: Callable[[str], None]) -> None:
    """Write the body of an answer behind the first `have` bytes of a file; report how it goes."""
    started = reported = time.monotonic()
    with name_errors(part), part.open("r+b" if have else "wb") as file:
        file.seek(have)
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            file.write(chunk)
            if time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                speed = (file.tell() - have) / (reported - started)
                of = f" of {total / 1e6:.0f}" if total else ""
                report(f"{file.tell() / 1e6:.0f}{of} MB, {speed / 1e6:.1f} MB/s")


def _read_record(record: Path, url: str) -> dict[str, Any] | None:
    """What the partial file is part of; None where that is not known, or another address."""
    try:
        known = json.loads(record.read_text())
    except (OSError, ValueError):
        return None
    return known if isinstance(known, dict) and known.get("url") == url else None


def _write_record(record: Path, url: str, response: requests.Response, total: int) -> None:
    tag = response.headers.get("ETag", "")
    validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")
    write_json(record, {"url": url, "validator": validator, "total": total or None})


def sha256(path: Path) -> str:
    """The file's SHA-256, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
