"""The options of the filter, and the variants of them that the ablation compares.

This module imports nothing heavy, since the Snakefile imports it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from kidney_tumor.fields import describe

OFF = "off"


@dataclass(frozen=True)
class FilterOptions:
    """The section `postprocess` of the configuration; config/README.md says where each value comes from."""

    percentiles: tuple[float, float] | None = describe(
        (5, 95), "percentiles of the labeled tumors' eigenvalue ratios between which a tumor is kept"
    )
    fill_holes: bool = describe(True, "fill the holes of both masks before the other constraints")
    kidney_components: int | None = describe(2, "number of the largest kidney components to keep")
    min_component_voxels: int = describe(10, "number of voxels of the smallest tumor component to keep")
    tumor_kidney_overlap: float = describe(0.95, "smallest share inside the kidney mask of a tumor component to keep")
    closing_iterations: int = describe(0, "number of iterations of a binary closing before the holes are filled")
    keep_best: bool = describe(False, "if no tumor component passes, keep the one that is nearest to passing")


CONSTRAINTS_OFF: dict[str, Any] = {
    "fill_holes": False,
    "kidney_components": None,
    "min_component_voxels": 1,
    "percentiles": None,
    "tumor_kidney_overlap": 0.0,
}
"""Each constraint of the filter, and the value with which it excludes nothing."""


def read_filter_options(section: Mapping[str, Any]) -> FilterOptions:
    """Read the options of the filter from the configuration's section `postprocess`."""
    values = {name: section[name] for name in section if name not in ("ratio_cases", "ratio")}
    return FilterOptions(**values | {"percentiles": tuple(section["percentiles"]) if section["ratio"] else None})


def list_variants(config: Mapping[str, Any]) -> list[FilterOptions]:
    """List the variants of the filter that the ablation compares, each once.

    Args:
        config: The whole configuration.

    Returns:
        The configured options, then those with each constraint off, with all of them off, and the sweeps.
    """
    configured, swept = read_filter_options(config["postprocess"]), config["ablation"]
    variants = [configured, *(replace(configured, **{name: value}) for name, value in CONSTRAINTS_OFF.items())]
    variants.append(replace(configured, **CONSTRAINTS_OFF))
    variants += [replace(configured, percentiles=tuple(item)) for item in swept["percentiles"]]
    variants += [replace(configured, tumor_kidney_overlap=item) for item in swept["tumor_kidney_overlap"]]
    return list(dict.fromkeys(variants))


def name_change(variant: FilterOptions, configured: FilterOptions) -> str:
    """Name the constraint in which a variant differs: its name, `nothing`, or `everything` for more than one."""
    names = [name for name in CONSTRAINTS_OFF if getattr(variant, name) != getattr(configured, name)]
    return {0: "nothing", 1: names[0] if names else ""}.get(len(names), "everything")


def format_options(variant: FilterOptions) -> dict[str, str]:
    """Write the constraints of a variant as text for tables and file names, `off` where one excludes nothing."""
    return {name: _format_value(getattr(variant, name)) for name in CONSTRAINTS_OFF}


def name_variant(variant: FilterOptions) -> str:
    """Name the file of a variant below `results/<run>/ablation/`, without its suffix."""
    return "/".join(f"{name}~{value}" for name, value in format_options(variant).items())


def _format_value(value: Any) -> str:
    """Write a number with all its digits and without an exponent: both 5.0 and 5 are `5`."""
    if value is None or value is False:
        return OFF
    if value is True:
        return "on"
    if isinstance(value, tuple):
        return "-".join(map(_format_value, value))
    return f"{Decimal(str(value)).normalize():f}"


def parse_options(text: Mapping[str, Any]) -> FilterOptions:
    """Read the constraints of a variant from what `format_options` wrote, which holds no other options."""
    values: dict[str, Any] = {}
    for name in CONSTRAINTS_OFF:
        word = str(text[name])
        if name == "fill_holes":
            values[name] = word != OFF
        elif word == OFF:
            values[name] = None
        elif name == "percentiles":
            low, high = map(float, word.split("-"))
            values[name] = (low, high)
        else:
            values[name] = type(getattr(FilterOptions, name))(word)
    return FilterOptions(**values)
