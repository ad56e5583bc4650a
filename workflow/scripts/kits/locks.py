"""Taking one of several things that jobs on one machine share: GPUs, connections."""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

_held: list[FileLock] = []


def acquire(kind: str, names: Sequence[str], wait: float = 0.5) -> str:
    """Take one that no other process of this user has; wait while all are taken.

    The lock is the kernel's: it is free again when this process ends, however it ends.

    Args:
        kind: of thing; `gpu` for example.
        names: at least one.
        wait: seconds between two looks.
    """
    folder = Path(tempfile.gettempdir()) / f"kits-{kind}-{os.getuid()}"
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
            print(f"waits for a free {kind}", flush=True)
        told = True
        time.sleep(wait)
