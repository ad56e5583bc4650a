"""The settings of the filter that are compared. Light on purpose: the Snakefile imports it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

OFF = {
    "fill_holes": "off",
    "kidney_components": "off",
    "min_component_voxels": "1",
    "percentiles": "off",
    "tumor_kidney_overlap": "0",
}
"""Each constraint, and how a setting says that it is off."""


def compared(config: Mapping[str, Any]) -> list[dict[str, str]]:
    """The configured setting first, then each constraint off, all off, and the sweeps; none twice.

    Args:
        config: the whole configuration.

    Returns:
        The keys of `OFF`, values as `ablation.Setting` takes them.
    """
    filtering, swept = config["postprocess"], config["sensitivity"]
    base = {
        "fill_holes": "on",
        "kidney_components": str(filtering["kidney_components"]),
        "min_component_voxels": str(filtering["min_component_voxels"]),
        "percentiles": _between(filtering["percentiles"]),
        "tumor_kidney_overlap": _text(filtering["tumor_kidney_overlap"]),
    }
    settings = [base, *(base | {key: value} for key, value in OFF.items()), OFF]
    settings += [base | {"percentiles": _between(item)} for item in swept["percentiles"]]
    settings += [base | {"tumor_kidney_overlap": _text(item)} for item in swept["tumor_kidney_overlap"]]
    return list({tuple(setting.items()): setting for setting in settings}.values())


def _between(percentiles: Sequence[float]) -> str:
    return "-".join(map(_text, percentiles))


def _text(number: float) -> str:
    """All its digits, without an exponent, in which a dash may stand: 5.0 and 5 are `5`."""
    return f"{Decimal(str(number)).normalize():f}"
