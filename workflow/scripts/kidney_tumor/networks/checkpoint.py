"""The state of a training, kept beside the model until the model is accepted.

The file is not a declared output, since Snakemake deletes declared outputs before it tries a job again.
"""

import atexit
import hashlib
import io
import json
import signal
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from filelock import FileLock, Timeout

from kidney_tumor.errors import UserError
from kidney_tumor.files import write_atomically
from kidney_tumor.networks.device import Device


@dataclass
class Checkpoint:
    """The file that holds a training's state, and what the state must agree with.

    A thread writes it from a copy, so that the training goes on meanwhile.

    Attributes:
        path: The path of the file.
        fingerprint: The hash of configuration, slices and code that `compute_fingerprint` returns.
        stop_asked: Whether the process received SIGTERM or SIGINT after `open` was called.
    """

    path: Path
    fingerprint: str = ""
    stop_asked: bool = False
    _writer: ThreadPoolExecutor = field(init=False, repr=False, default_factory=lambda: ThreadPoolExecutor(1))
    _written: Future[None] | None = field(init=False, repr=False, default=None)

    def open(self) -> None:
        """Lock the state against other processes; let SIGTERM (SLURM's warning) and SIGINT (Ctrl-C) set `stop_asked`.

        A second SIGINT ends the process. A second SIGTERM does not, since SLURM sends one to the job's step and srun
        forwards another.

        Raises:
            UserError: Another process trains this model.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.path.with_suffix(".lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise UserError(f"{self.path}: another process trains this model; wait for it, or end it") from error
        atexit.register(Path(self._lock.lock_file).unlink, missing_ok=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, number: int, _frame: FrameType | None) -> None:
        self.stop_asked = True
        if number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)

    def save(self, state: dict[str, Any]) -> None:
        """Copy the state, and begin to write it, completely or not at all, once the one before is written.

        Raises:
            OSError: The one before could not be written.
        """
        self.finish()
        self._written = self._writer.submit(
            write_tensors, self.path, copy_tensors(state) | {"fingerprint": self.fingerprint}
        )

    def check(self) -> None:
        """Raise the error of a state that could not be written, if this is known yet.

        Raises:
            OSError: It could not be written.
        """
        if self._written and self._written.done():
            self.finish()

    def finish(self) -> None:
        """Wait until the state is written.

        Raises:
            OSError: It could not be written, which is said once.
        """
        written, self._written = self._written, None
        if written:
            written.result()

    def load(self, report: Callable[[str], None]) -> dict[str, Any] | None:
        """Read the saved state; return None if there is none, or if it cannot be used, which is reported.

        Raises:
            OSError: Reading failed, but the file may be good.
        """
        if not self.path.is_file():
            return None
        try:
            state = read_tensors(self.path)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # torch raises many kinds of errors for a broken file
            report(f"starts over: {self.path} is damaged ({type(error).__name__})")
            return None
        if state.pop("fingerprint", None) != self.fingerprint:
            report(f"starts over: {self.path} belongs to another configuration, other slices or other code")
            return None
        return state

    def close(self, remove: bool) -> None:
        """Wait for the state once the model is complete, however its writing ends, and delete it if asked to."""
        if self._written:
            wait([self._written])
        if remove:
            self.path.unlink(missing_ok=True)


def write_tensors(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and values that JSON can hold to a file, completely or not at all."""
    buffer = io.BytesIO()  # torch.save to a file does not always raise an OSError where writing fails
    torch.save(content, buffer)
    with write_atomically(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_tensors(path: Path) -> dict[str, Any]:
    """Read a file that `write_tensors` wrote; nothing in it is executed.

    Raises:
        ValueError: A byte of the file was changed.
        Exception: torch and zipfile raise many kinds of errors for a file that is truncated or has another format.
    """
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:  # torch does not verify the checksums
        if changed := archive.testzip():
            raise ValueError(f"{changed} fails its checksum")
    tensors: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return tensors


def copy_tensors(state: Any) -> Any:
    """Copy mappings and lists, and the tensors in them to the memory of the CPU, however deep; share all else."""
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, Mapping):
        return {key: copy_tensors(value) for key, value in state.items()}
    return [copy_tensors(value) for value in state] if isinstance(state, list) else state


def compute_fingerprint(decided: dict[str, Any], device: Device, folders: Sequence[Path], code: str) -> str:
    """Compute a hash of everything that decides a training's result.

    Args:
        decided: The target, architecture, hyperparameters and window of the training, as JSON can hold them.
        device: The device; a training may continue on another GPU unless it is deterministic.
        folders: The folders of the extracted slices, whose records hold the checksums of the slices.
        code: The digest of the code that decides the result.
    """
    place = device.name if device.deterministic else f"{device.torch_device.type}, {device.precision}"
    digest = hashlib.sha256(json.dumps([decided, place, torch.__version__, code], sort_keys=True).encode())
    for folder in folders:
        digest.update(folder.name.encode() + (folder / "slices.json").read_bytes())
    return digest.hexdigest()
