"""The constraints of the filter (paper, section 2.2): a row each, from which all that names or tests one follows.

This module imports nothing heavy, since the Snakefile imports it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

Bounds = tuple[float, float]
"""The lowest and the highest value that passes."""
UNITS = ("voxel", "mm")
"""The units in which the covariance of a tumor's voxels can be measured, from which its eigenvalue ratio follows."""


@dataclass(frozen=True)
class RatioRange:
    """A range of accepted eigenvalue ratios.

    Attributes:
        low: The lowest accepted ratio.
        high: The highest accepted ratio.
        unit: The unit in which ratios are measured, one of `UNITS`, so that no range meets ratios of the other unit.
    """

    low: float
    high: float
    unit: str


@dataclass(frozen=True)
class FilterOptions:
    """The configuration's section `postprocess`, and whether holes are filled, which only the ablation changes."""

    percentiles: tuple[float, float] | None
    kidney_components: int | None
    min_component_voxels: int
    tumor_kidney_overlap: float
    keep_best: bool
    fill_holes: bool = True


@dataclass(frozen=True)
class Constraint:
    """A constraint of the filter.

    Attributes:
        key: Its field in `FilterOptions`, and its key in the configuration.
        off: The value with which it excludes nothing.
        without: What a filter without it lets pass, in words for a figure.
        step: The step of the filter at which it counts.
        reason: Why a tumor component that fails it is removed, in words for a table.
        measure: The measure of a component, an attribute of `postprocessing.Candidates`, that must lie between bounds;
            empty if the constraint is on no single component. A measure is positive, and may be infinite.
        bounds: The bounds that follow from a value of the key.
    """

    key: str
    off: Any
    without: str
    step: str
    reason: str = ""
    measure: str = ""
    bounds: Callable[[Any], Bounds] = lambda value: value

    @property
    def verdict(self) -> str:
        """The field of `Filtered.tests` that says whether a component passes."""
        return f"passes_{self.key}"


def at_least(value: float) -> Bounds:
    """Bound a measure from below."""
    return value, inf


CONSTRAINTS = (
    Constraint("fill_holes", False, "no hole filling", "fill_holes"),
    Constraint("kidney_components", None, "all kidney components", "components"),
    Constraint("min_component_voxels", 1, "any tumor size", "components", "too small", "voxels", at_least),
    Constraint("percentiles", None, "any tumor shape", "ratio", "ratio out of range", "ratio"),
    Constraint(
        "tumor_kidney_overlap", 0.0, "any overlap", "overlap", "too little inside the kidney mask", "inside", at_least
    ),
)
"""All constraints in the order in which they count."""
ON_COMPONENTS = tuple(constraint for constraint in CONSTRAINTS if constraint.measure)
"""The constraints on single tumor components, each with a measure of its own."""
STEPS = tuple(dict.fromkeys(constraint.step for constraint in CONSTRAINTS))
"""The steps of the filter."""
OFF = {constraint.key: constraint.off for constraint in CONSTRAINTS}
"""The options with which the filter excludes nothing."""
