"""Imports of packages without others that they would load."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hide(package: str) -> Iterator[None]:
    """Let the import of a package fail, as if it were not installed, unless it is loaded already."""
    is_hidden = package not in sys.modules
    if is_hidden:
        sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if is_hidden:
            del sys.modules[package]
