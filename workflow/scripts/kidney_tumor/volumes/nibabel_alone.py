"""nibabel without pydicom, which it would load for an extension of NIfTI that nothing here reads.

pydicom and what it loads take longer than nibabel itself, so modules import nibabel from here.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hide(package: str) -> Iterator[None]:
    """Let the import of a package fail, as if it were not installed, unless it is loaded already."""
    is_hidden = package not in sys.modules
    if is_hidden:
        sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if is_hidden:
            del sys.modules[package]


with _hide("pydicom"):
    import nibabel as nib
    from nibabel import affines, nifti1, orientations, spatialimages, volumeutils

__all__ = ["affines", "nib", "nifti1", "orientations", "spatialimages", "volumeutils"]
