"""The settings of the filter that are compared. Light on purpose: the Snakefile imports it."""

from collections.abc import Mapping, Sequence
from typing import Any

OFF = {"fill_holes": "off", "kidney_components": "off", "percentiles": "off", "tumor_kidney_overlap": "0"}
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
        "percentiles": _between(filtering["percentiles"]),
        "tumor_kidney_overlap": f"{filtering['tumor_kidney_overlap']:g}",
    }
    settings = [base, *(base | {key: value} for key, value in OFF.items()), OFF]
    settings += [base | {"percentiles": _between(item)} for item in swept["percentiles"]]
    settings += [base | {"tumor_kidney_overlap": f"{item:g}"} for item in swept["tumor_kidney_overlap"]]
    return list({tuple(setting.items()): setting for setting in settings}.values())


def _between(percentiles: Sequence[float]) -> str:
    return "-".join(f"{percentile:g}" for percentile in percentiles)
