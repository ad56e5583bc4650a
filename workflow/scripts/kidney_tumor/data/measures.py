"""The measures of a segmented case, in words."""

import math
from collections.abc import Mapping

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
ATTENUATIONS = ("kidney_hu", "tumor_hu")
"""The names of the measures of a scan that its image gives; `scans.attenuation.measure_attenuation` explains them."""
SCAN_MEASURES = (*MEASURES, *SIDES, *ATTENUATIONS)


def describe_measures(measures: Mapping[str, float]) -> str:
    """Say in words what the measures of a scan are: volumes, attenuation and the size of the largest tumor."""
    count = int(measures["tumors"])
    left, right = (measures[name] for name in SIDES)
    sides = f" ({left:.0f} left, {right:.0f} right)" if left + right > 0 else ""
    kidney, tumor = ("" if math.isnan(measures[name]) else f", median {measures[name]:.0f} HU" for name in ATTENUATIONS)
    text = f"kidneys (without tumors) {measures['kidney_ml']:.0f} mL{sides}{kidney}; "
    if not count:
        return text + "no tumor marked"
    return text + (
        f"{count} tumor{'s' * (count > 1)} marked, {measures['tumor_ml']:.1f} mL{tumor}, "
        f"the largest {measures['tumor_axial_mm']:.0f} mm in an axial slice"
    )
