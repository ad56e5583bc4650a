"""The state of an interrupted training, kept beside the model until that is done.

The file is no declared output, since Snakemake deletes those before it tries a job again.
"""

import atexit
import hashlib
import json
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from filelock import FileLock, Timeout

from kits.cli import UserError
from kits.networks.device import Device
from kits.networks.models import read_tensors, write_tensors


@dataclass
class Checkpoint:
    """Where a training's state lies, and what it must agree with.

    Attributes:
        path: of the file.
        fingerprint: of configuration, slices and code; see `fingerprint`.
        stop_asked: whether SIGTERM or SIGINT came, once it was opened.
    """

    path: Path
    fingerprint: str = ""
    stop_asked: bool = False

    def open(self) -> None:
        """Keep other processes from the state, and let SIGTERM (SLURM's warning before the kill) or SIGINT ask to stop.

        A second SIGINT, Ctrl-C again, ends the process. A second SIGTERM does not: SLURM sends one to the job's step,
        and its srun sends it on.

        Raises:
            UserError: another process trains this model.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.path.with_suffix(".lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise UserError(f"{self.path}: another process trains this model; wait for it, or end it") from error
        atexit.register(Path(self._lock.lock_file).unlink, missing_ok=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self.stop_asked = True
        if number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)

    def save(self, state: dict[str, Any]) -> None:
        """Write the state, whole or not at all."""
        write_tensors(self.path, state | {"fingerprint": self.fingerprint})

    def load(self, report: Callable[[str], None]) -> dict[str, Any] | None:
        """The saved state; None where there is none, or one that cannot be used, of which `report` is told.

        Raises:
            OSError: it cannot be read now, which says nothing of what is in it.
        """
        if not self.path.is_file():
            return None
        try:
            state = read_tensors(self.path)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # torch raises many kinds for a file that is cut or not its own
            report(f"starts over: {self.path} is damaged ({type(error).__name__})")
            return None
        if state.pop("fingerprint", None) != self.fingerprint:
            report(f"starts over: {self.path} is of another configuration, other slices or other code")
            return None
        return state

    def remove(self) -> None:
        """Forget the state: the model is done."""
        self.path.unlink(missing_ok=True)


def compute_fingerprint(
    settings: dict[str, Any], device: Device, folders: Sequence[Path], sources: Iterable[Path]
) -> str:
    """A hash of all that decides a training's result.

    Args:
        settings: of the training, as JSON holds them.
        device: where it runs; another GPU may go on with it unless it is to be deterministic.
        folders: of the extracted slices; their records have the checksums of what is in them.
        sources: The source files that decide the result.
    """
    place = device.name if device.deterministic else f"{device.torch_device.type}, {device.precision}"
    digest = hashlib.sha256(json.dumps([settings, place, torch.__version__], sort_keys=True).encode())
    for folder in folders:
        digest.update(folder.name.encode() + (folder / "slices.json").read_bytes())
    for path in sources:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
