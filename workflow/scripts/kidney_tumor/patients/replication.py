"""Whether the associations of one cohort are found in another one, and whether the operation changes them."""

from typing import Any

import numpy as np
import pandas as pd

from kidney_tumor.patients.associations import (
    BASELINE,
    NULL,
    OUTCOMES,
    SIGNIFICANT,
    bound,
    count_events,
    measure_association,
    name_statistic,
    resample,
    select_known,
    tabulate_outcomes,
)

SIZES = (BASELINE, "tumor_axial_mm")
"""The sizes of which it is asked whether the operation changes their associations: one question, stated or measured."""
OPERATION = "radical_nephrectomy"
VERDICTS = {1.0: "replicated", 0.0: "cannot be told", -1.0: "reversed"}
"""What a second cohort says of an association, by its direction there, 0 where the interval has none."""


def replicate_outcomes(first: pd.DataFrame, cases: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Put the associations of a second cohort beside those of the first.

    An association that is found in the first is replicated if its interval in the second excludes that there is none,
    in the same direction; reversed if it does so in the other direction.

    Args:
        first: The table that `tabulate_outcomes` returns of the first cohort.
        cases: The patients of the second, as it takes them.
        seed: The seed of the bootstrap.

    Returns:
        A table with the columns outcome, statistic and measure; n, events, value, low and high of both cohorts, with
        first_ before those of the first, and first_q; and verdict: replicated, reversed, cannot be told, or empty where
        the first finds none or the second has too few patients.
    """
    keys, numbers = ["outcome", "statistic", "measure"], ["n", "events", "value", "low", "high"]
    second = tabulate_outcomes(cases, seed)[[*keys, *numbers]]
    renamed = first[[*keys, *numbers, "q"]].rename(columns={name: f"first_{name}" for name in [*numbers, "q"]})
    table = renamed.merge(second, on=keys)
    null = table["statistic"].map(NULL)
    excluded = np.where((table["low"] > null) | (table["high"] < null), np.sign(table["value"] - null), 0)
    agrees = pd.Series(excluded * np.sign(table["first_value"] - null))
    asked = (table["first_q"] < SIGNIFICANT) & table["low"].notna()
    return table.assign(verdict=agrees.map(VERDICTS).where(asked, ""))


def describe_replication(cohort: str, table: pd.DataFrame) -> str:
    """Say in words how many associations are replicated, by the table that `replicate_outcomes` returns."""
    counts = table["verdict"].value_counts()
    parts = ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in VERDICTS.values())
    found, known = (table["first_q"] < SIGNIFICANT).sum(), (table["verdict"] != "").sum()
    return f"{cohort}: of {found} associations found, {known} are measured there: {parts}"


def compare_operations(cases: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Compare the association of the tumor's size with each outcome within both operations.

    Args:
        cases: The patients, as `tabulate_outcomes` takes them.
        seed: The seed of the bootstrap.

    Returns:
        A table with the columns outcome, statistic and measure (one of `SIZES`); n, events, value, low and high of the
        patients with a partial and with a radical nephrectomy, with partial_ and radical_ before; and difference,
        difference_low and difference_high: the radical minus the partial association with its 95 % interval, from
        resampling the patients of each operation. It is not corrected for the number of rows. NaN where an association
        is undefined.
    """
    rows = []
    for outcome in OUTCOMES:
        for measure in SIZES if outcome != OPERATION else ():
            row: dict[str, Any] = {"outcome": outcome, "statistic": name_statistic(outcome), "measure": measure}
            resampled = []
            for number, name in enumerate(("partial", "radical")):
                known = select_known(cases[cases[OPERATION] == number], [measure], outcome)
                resampled.append(resample(known, [measure], outcome, seed + number))
                low, high = bound(resampled[-1])
                values = {"n": len(known), "events": count_events(known, outcome), "low": low, "high": high}
                values["value"] = measure_association(known, measure, outcome)[0]
                row |= {f"{name}_{key}": values[key] for key in ("n", "events", "value", "low", "high")}
            row["difference"] = row["radical_value"] - row["partial_value"]
            row["difference_low"], row["difference_high"] = bound(resampled[1] - resampled[0])
            rows.append(row)
    return pd.DataFrame(rows)


def describe_operations(table: pd.DataFrame) -> list[str]:
    """List in words what differs between the operations, by the table that `compare_operations` returns."""
    different = table[(table["difference_low"] > 0) | (table["difference_high"] < 0)]
    return [
        f"{row.outcome}, {row.measure}: {row.statistic} {row.partial_value:.2f} [{row.partial_low:.2f}, "
        f"{row.partial_high:.2f}] in {row.partial_n} partial and {row.radical_value:.2f} [{row.radical_low:.2f}, "
        f"{row.radical_high:.2f}] in {row.radical_n} radical nephrectomies, difference {row.difference:+.2f} "
        f"[{row.difference_low:+.2f}, {row.difference_high:+.2f}]"
        for row in different.itertuples()
    ]
