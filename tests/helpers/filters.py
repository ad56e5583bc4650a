"""The filter as tests call it: on masks as arrays, and as a script."""

import numpy as np
from conftest import run_script

from kidney_tumor.filter import postprocessing
from kidney_tumor.filter.constraints import FilterOptions, RatioRange
from kidney_tumor.schema import fill_dataclass, read_defaults

WIDE = (1.0, 1000.0)


def filter_options(**changes):
    """The defaults, but for some changes."""
    return fill_dataclass(FilterOptions, read_defaults()["postprocess"] | changes)


def postprocess(kidney, tumor, ratios, spacing=(1.0, 1.0, 1.0), unit="voxel", **options):
    accepted = RatioRange(*ratios, unit) if ratios else None
    return postprocessing.postprocess(kidney, tumor, spacing, accepted, filter_options(**options))


def run(name, *arguments, cwd):
    """What a script prints; it must succeed."""
    result = run_script(name, *arguments, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


def box(shape, *spans):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*span) for span in spans)] = True
    return mask


def merge(kidney, tumor):
    return np.where(tumor, 2, kidney).astype(np.uint8)
