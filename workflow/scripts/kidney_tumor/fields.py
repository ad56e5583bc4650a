"""Fields of dataclasses that become options of a command line."""

from dataclasses import field
from typing import Any


def describe(default: Any, explanation: str) -> Any:
    """Make a field of a dataclass with an explanation for `--help`."""
    return field(default=default, metadata={"help": explanation})
