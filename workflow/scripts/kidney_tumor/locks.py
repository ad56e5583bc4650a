"""Locks for things that the jobs on one machine share, such as GPUs."""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

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
