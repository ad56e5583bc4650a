"""Errors that the user can fix, which are shown as one line each."""

import sys
from pathlib import Path
from typing import NoReturn


class UserError(Exception):
    """A problem that the user can fix; the message names the file or key and says what to do.

    A message may have several lines, one for each problem.
    """


class VolumeError(UserError):
    """A volume that cannot be used.

    Attributes:
        path: The file.
        what: What is wrong with it: `holds NaN`, for example.
        remedy: What to do; empty if the file is to be had again.
    """

    def __init__(self, path: Path, what: str, remedy: str = "") -> None:
        super().__init__(path, what, remedy)  # from which a process pool makes it again
        self.path, self.what, self.remedy = path, what, remedy

    def __str__(self) -> str:
        again = "copy or export it again" if self.path.is_file() else "check the path"
        return f"{self.path} {self.what}; {self.remedy or again}"


def fail(message: str) -> NoReturn:
    """Print each line of `message` as an error, and exit with status 1."""
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr, flush=True)
    sys.exit(1)
