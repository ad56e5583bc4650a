"""The variants of the filter that the ablation compares.

This module imports nothing heavy, since the Snakefile imports it.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from kidney_tumor.filter.constraints import OFF, FilterOptions
from kidney_tumor.schema import fill_dataclass

NOTHING, EVERYTHING = "nothing", "everything"
"""What a variant changes if it changes no constraint, and more than one."""


def list_variants(config: Mapping[str, Any]) -> list[FilterOptions]:
    """List the variants of the filter that the ablation compares, each once.

    Args:
        config: The whole configuration.

    Returns:
        The configured options, then those with each constraint off, with all of them off, and the sweeps.
    """
    configured = fill_dataclass(FilterOptions, config["postprocess"])
    changes: list[dict[str, Any]] = [{key: value} for key, value in OFF.items()] + [OFF]
    for key, values in config["ablation"].items():
        changes += [{key: tuple(value) if isinstance(value, list) else value} for value in values]
    return list(dict.fromkeys([configured, *(replace(configured, **change) for change in changes)]))


def name_change(variant: Mapping[str, str], configured: Mapping[str, str]) -> str:
    """Name the constraint in which a variant differs: its key, `nothing`, or `everything` for more than one.

    Both are texts, as `format_options` writes them.
    """
    keys = [key for key in OFF if variant[key] != configured[key]]
    return keys[0] if len(keys) == 1 else EVERYTHING if keys else NOTHING


def format_options(variant: FilterOptions) -> dict[str, str]:
    """Write the constraints of a variant as text for tables, `off` where one excludes nothing."""
    return {key: _format_value(getattr(variant, key)) for key in OFF}


def _format_value(value: Any) -> str:
    """Write a number with all its digits and without an exponent: both 5.0 and 5 are `5`."""
    if value is None or value is False:
        return "off"
    if value is True:
        return "on"
    if isinstance(value, tuple):
        return "-".join(map(_format_value, value))
    return f"{Decimal(str(value)).normalize():f}"


OFF_TEXTS = {key: _format_value(value) for key, value in OFF.items()}
"""The texts with which the filter excludes nothing."""
