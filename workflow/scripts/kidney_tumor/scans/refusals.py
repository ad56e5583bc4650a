"""What is said, and what is not, of a DICOM series that is not converted."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kidney_tumor.errors import UserError

EXPORT_AGAIN = "export the series again, complete and original"


def refuse(path: Path, what: str, remedy: str = EXPORT_AGAIN) -> UserError:
    """Make the error for a series, or for a file of it, that is not converted."""
    return UserError(f"{path} {what}; {remedy}")


@contextmanager
def silence() -> Iterator[None]:
    """Keep the warnings and log lines of pydicom and its plug-ins back, since they repeat values of the header."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
