"""The measures of a segmented case, in words."""

import math
from collections.abc import Mapping, Sequence

MEASURES = (
    "kidney_ml",
    "tumor_ml",
    "tumors",
    "tumor_axial_mm",
    "tumor_diameter_mm",
    "tumor_sphere_mm",
    "tumor_ratio",
    "contact_mm2",
    "exophytic_share",
    "renal_r",
    "renal_e",
)
"""The names of the measures; `analysis.morphometry.measure_masks` explains them."""
SIDES = ("kidney_left_ml", "kidney_right_ml")
"""The names of the measures of a scan that tell sides apart; `scans.sides.measure_sides` explains them."""
ATTENUATIONS = ("kidney_left_hu", "kidney_right_hu", "tumor_hu")
"""The names of the measures of a scan that its image gives; `scans.attenuation.measure_attenuation` explains them."""
SIDE_NAMES = {"kidney_left_hu": " left", "kidney_right_hu": " right"}
"""What follows a median of one side, in words."""
SCAN_MEASURES = (*MEASURES, *SIDES, *ATTENUATIONS)


def describe_measures(measures: Mapping[str, float]) -> str:
    """Say in words what the measures of a scan are: volumes, attenuation and the size of the largest tumor."""
    count = int(measures["tumors"])
    left, right = (measures[name] for name in SIDES)
    sides = f" ({left:.0f} left, {right:.0f} right)" if left + right > 0 else ""
    kidney_hu, tumor_hu = (_describe_medians(measures, names) for names in (ATTENUATIONS[:2], ATTENUATIONS[2:]))
    text = f"kidneys (without tumors) {measures['kidney_ml']:.0f} mL{sides}{kidney_hu}; "
    if not count:
        return text + "no tumor marked"
    largest = f"the largest {math.pi / 6000 * measures['tumor_sphere_mm'] ** 3:.1f} mL and " if count > 1 else ""
    return text + (
        f"{count} tumor{'s' * (count > 1)} marked, {measures['tumor_ml']:.1f} mL{tumor_hu}, "
        f"{largest}{measures['tumor_axial_mm']:.0f} mm in an axial slice"
    )


def _describe_medians(measures: Mapping[str, float], names: Sequence[str]) -> str:
    """Say in words what the medians in HU are that are not NaN."""
    known = {name: measures[name] for name in names if not math.isnan(measures[name])}
    texts = [f"{value:.0f} HU{SIDE_NAMES.get(name, '')}" for name, value in known.items()]
    return f", median {' and '.join(texts)}" if texts else ""
