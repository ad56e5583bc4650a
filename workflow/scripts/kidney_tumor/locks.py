"""Locks for things that the jobs on one machine share, such as GPUs, and for the results of a run."""

import fcntl
import hashlib
import os
import shlex
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from kidney_tumor.errors import UserError

_held: list[FileLock] = []


def acquire(kind: str, names: Sequence[str], wait: float = 0.5) -> str:
    """Take one of several things that no other process of this user has taken; wait while all are taken.

    The kernel frees the lock when this process ends, however it ends.

    Args:
        kind: The kind of the things, `gpu` for example.
        names: The names of the things, at least one.
        wait: The seconds between two attempts.

    Returns:
        The name of the thing taken.
    """
    folder = Path(tempfile.gettempdir()) / f"kidney-tumor-{kind}-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    told = False
    while True:
        for name in names:
            lock = FileLock(folder / f"{name.replace('/', '_')}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            _held.append(lock)
            return name
        if not told:
            print(f"waiting for a free {kind}", flush=True)
        told = True
        time.sleep(wait)


def reserve(folder: Path, unlock: Sequence[str]) -> None:
    """Reserve a folder of results for this process, and for the program that takes its place, until it ends.

    The kernel frees the lock then, however the program ends. It holds on this machine and for one user.

    Args:
        folder: The folder.
        unlock: The command that would run there.

    Raises:
        UserError: Another command works there, or was killed there.
    """
    place = Path(tempfile.gettempdir()) / f"kidney-tumor-run-{os.getuid()}"
    place.mkdir(exist_ok=True)
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    descriptor = os.open(place / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(descriptor, True)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(f"{folder}: another kidney command works there; wait until it ends") from error
    locked = {line for path in Path(".snakemake", "locks").glob("*.lock") for line in path.read_text().splitlines()}
    if any(Path(line).resolve().is_relative_to(folder.resolve()) for line in locked):
        raise UserError(
            f"{folder}: another snakemake command works there, or one was killed; if none works there, remove its "
            f"lock: {shlex.join([*unlock, '--unlock'])}"
        )
