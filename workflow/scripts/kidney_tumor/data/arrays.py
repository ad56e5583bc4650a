"""Groups of named arrays in one file, such as the slice of each case that is drawn if it is one of the worst."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from kidney_tumor.files import write_atomically


def write_arrays(path: Path, groups: Mapping[str, Mapping[str, ArrayLike]]) -> None:
    """Write the named arrays of each group, .npz, completely or not at all."""
    arrays = {f"{group}/{name}": array for group, named in groups.items() for name, array in named.items()}
    with write_atomically(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)


def read_arrays(path: Path, group: str) -> dict[str, np.ndarray]:
    """Read the arrays of a group, as `write_arrays` wrote them; of no other group is anything decompressed."""
    with np.load(path) as arrays:
        return {name.partition("/")[2]: arrays[name] for name in arrays.files if name.partition("/")[0] == group}
