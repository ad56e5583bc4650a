"""A clinical record for a phantom cohort, in the form of KiTS19's `kits.json`.

Its outcomes are drawn from the phantoms' true measures with noise, so that the analysis of outcomes has something to
find. They say nothing about patients.
"""

from typing import Any

import numpy as np
import pandas as pd

HIGHEST = 90
"""The glomerular filtration rate from which on the record says `>=90`."""


def draw_record(measures: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """Draw an entry for each phantom case.

    Args:
        measures: The columns case and tumor_axial_mm of all cases, from their labels.
        seed: The seed of the noise. A case's entry depends on the seed, its number and its measures alone.
    """
    return [_draw_entry(row, seed) for row in measures.to_dict("records")]


def _draw_entry(row: dict[str, Any], seed: int) -> dict[str, Any]:
    """Draw the entry of a case from its measures."""
    rng = np.random.default_rng([seed, int(row["case"].rpartition("_")[2]), 3])
    size = float(np.nan_to_num(row["tumor_axial_mm"])) / 10  # in cm; 0 without a tumor

    def happens(middle: float, width: float = 1.0) -> bool:
        """Draw an event that is more likely for larger tumors, with even odds at `middle` cm."""
        return bool(rng.random() < 1 / (1 + np.exp((middle - size) / width)))

    radical, malignant = happens(6), bool(rng.random() < 0.9)
    before = float(np.clip(rng.normal(80, 18), 20, 120))
    after = float(np.clip(before - rng.normal(25 if radical else 6, 8), 5, 120))
    stage = "0" if not malignant else "3" if happens(7) else "1a" if size <= 4 else "1b" if size <= 7 else "2a"
    entry = {
        "case_id": row["case"],
        "phantom": True,
        "radiographic_size": round(max(0.5, size + rng.normal(-0.2, 0.4)), 1),
        "pathologic_size": round(max(0.5, size + rng.normal(-0.3, 0.7)), 1),
        "malignant": malignant,
        "pathology_t_stage": stage,
        "tumor_isup_grade": (4 if happens(9) else 3 if happens(6) else 2) if malignant else None,
        "tumor_necrosis": happens(6) if rng.random() < 0.9 else None,
        "positive_resection_margins": bool(rng.random() < 0.06),
        "surgical_procedure": "radical_nephrectomy" if radical else "partial_nephrectomy",
        "clavien_surgical_complications": "2" if happens(8, 3) else "0",
        "intraoperative_complications": {
            "blood_transfusion": happens(12),
            "injury_to_surrounding_organ": False,
            "cardiac_event": False,
        },
        "estimated_blood_loss": round(rng.lognormal(np.log(60 + 50 * size), 0.7)),
        "operative_time": round(max(60.0, rng.normal(170 + 12 * size, 50))),
        "hospitalization": int(rng.poisson(2 + 0.3 * size)),
        "ischemia_time": "not_applicable" if radical else int(max(0.0, rng.normal(18 + size, 6))),
        "last_preop_egfr": {"value": _write_rate(before)},
        "last_postop_egfr": {"value": _write_rate(after)},
    }
    lives, followed = rng.exponential(30000 / (1 + size)), rng.uniform(30, 3000)  # in days
    status = "dead" if lives < followed else "censored"
    return entry | {"vital_status": status, "vital_days_after_surgery": round(min(lives, followed))}


def _write_rate(rate: float) -> float | str:
    """Write a glomerular filtration rate as laboratories report it: high ones only as a bound."""
    return f">={HIGHEST}" if rate >= HIGHEST else round(rate)
