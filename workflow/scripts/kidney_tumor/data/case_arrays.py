"""A few arrays of each of many cases, such as the slice that is drawn of the worst, in one file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from kidney_tumor.files import write_atomically


def write_case_arrays(path: Path, cases: Mapping[str, Mapping[str, ArrayLike]]) -> None:
    """Write the named arrays of each case, .npz, completely or not at all."""
    arrays = {f"{case}/{name}": array for case, named in cases.items() for name, array in named.items()}
    with write_atomically(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)


def read_case_arrays(path: Path, case: str) -> dict[str, np.ndarray]:
    """Read the arrays of a case, as `write_case_arrays` wrote them; of no other case is anything decompressed."""
    with np.load(path) as arrays:
        return {name.partition("/")[2]: arrays[name] for name in arrays.files if name.partition("/")[0] == case}
