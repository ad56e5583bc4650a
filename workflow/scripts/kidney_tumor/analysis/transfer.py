"""Whether a range of eigenvalue ratios holds for other tumors than those that it comes from (paper, section 2.2)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from kidney_tumor.analysis.statistics import CONFIDENCE, estimate_interval
from kidney_tumor.errors import UserError
from kidney_tumor.filter.constraints import UNITS
from kidney_tumor.filter.postprocessing import derive_ratio_range
from kidney_tumor.filter.tumors import THIN_MM

THICKNESS_MM = 1.1
"""The distance between slices up to which they are thin."""
SLICES = ("all", f"<= {THICKNESS_MM} mm", f"> {THICKNESS_MM} mm", f"{THIN_MM} mm, interpolated")
"""The slices in which tumors are judged: as they are, of all patients and of parts of them, and interpolated."""


def tabulate_transfer(cohorts: Mapping[str, pd.DataFrame], percentiles: Sequence[float], seed: int) -> pd.DataFrame:
    """Tabulate how many true tumors, and how many patients' whole tumors, each cohort's range removes in each cohort.

    In its own cohort a tumor is judged by the range of all other patients, so that no patient decides on itself.

    Args:
        cohorts: The tables that `tumors.measure_cohort` returns, by the cohort, with the column case.
        percentiles: The percentiles of the ratios that are the range.
        seed: The seed of the bootstrap.

    Returns:
        A table with the columns range_of and tumors_of (cohorts), ratio_unit, slices (one of `SLICES`), counted
        (tumors or patients), n, lost, share, low and high. The interval of tumors is from a bootstrap of patients, who
        may have several; that of patients is Wilson's. The range counts as known in both.

    Raises:
        UserError: A cohort has fewer than two patients with a tumor whose ratio is finite.
    """
    rows: list[dict[str, Any]] = []
    for (giver, given), (taker, tumors), unit in product(cohorts.items(), cohorts.items(), UNITS):
        _require_patients(taker, tumors, unit)
        low, high = _bound_ratios(given, None if giver == taker else tumors, f"ratio_{unit}", percentiles)
        names = {"range_of": giver, "tumors_of": taker, "ratio_unit": unit}
        lost = ~tumors[f"ratio_{unit}"].between(low, high)
        thin = tumors["slice_mm"] <= THICKNESS_MM
        parts = [(tumors["case"], lost), (tumors["case"][thin], lost[thin]), (tumors["case"][~thin], lost[~thin])]
        if unit == "voxel":
            parts.append((tumors["case"], ~tumors["ratio_thin"].between(low, high)))
        for slices, (cases, gone) in zip(SLICES, parts, strict=False):
            rows += [names | {"slices": slices} | row for row in count_lost(cases, gone, seed)]
    return pd.DataFrame(rows)


def _require_patients(name: str, tumors: pd.DataFrame, unit: str) -> None:
    """Raise a `UserError` if no range would be left without one of the patients."""
    found = tumors.loc[np.isfinite(tumors[f"ratio_{unit}"].astype(float)), "case"].nunique()
    if found < 2:
        raise UserError(
            f"{name}: fewer than 2 patients have a labeled tumor of more than one line of voxels; name more of them"
        )


def _bound_ratios(
    given: pd.DataFrame, tumors: pd.DataFrame | None, column: str, percentiles: Sequence[float]
) -> tuple[pd.Series, pd.Series]:
    """Give each tumor the range of a cohort's ratios; without other tumors, those given that of all other patients."""
    if tumors is not None:
        ranges = dict.fromkeys(tumors["case"], derive_ratio_range(given[column].to_numpy(float), percentiles))
        cases = tumors["case"]
    else:
        cases = given["case"]
        ranges = {
            case: derive_ratio_range(given.loc[cases != case, column].to_numpy(float), percentiles)
            for case in cases.unique()
        }
    return cases.map(lambda case: ranges[case][0]), cases.map(lambda case: ranges[case][1])


def count_lost(cases: pd.Series, lost: pd.Series, seed: int) -> Iterator[dict[str, Any]]:
    """Count the lost tumors, and the patients whose tumors are all lost, each with the share and its interval.

    Args:
        cases: The patient of each tumor.
        lost: Whether it is lost.
        seed: The seed of the bootstrap.
    """
    by_case = lost.groupby(cases)
    gone, found = by_case.sum().to_numpy(int), by_case.size().to_numpy(int)

    def share(chosen: np.ndarray, axis: int = -1) -> np.ndarray:
        numbers = chosen.astype(int)
        return gone[numbers].sum(axis) / found[numbers].sum(axis)

    interval = estimate_interval(np.arange(len(found)), share, seed)
    yield _make_row("tumors", int(found.sum()), int(gone.sum()), interval)
    emptied = int((gone == found).sum())
    yield _make_row("patients", len(found), emptied, _bound_share(emptied, len(found)))


def _bound_share(count: int, total: int) -> tuple[float, float]:
    """Compute Wilson's 95 % interval of a share, which holds for few patients, too; NaN of none."""
    if not total:
        return np.nan, np.nan
    interval = stats.binomtest(count, total).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def _make_row(counted: str, total: int, lost: int, interval: tuple[float, float]) -> dict[str, Any]:
    share = lost / total if total else np.nan
    return {"counted": counted, "n": total, "lost": lost, "share": share, "low": interval[0], "high": interval[1]}


def tabulate_ranges(cohorts: Mapping[str, pd.DataFrame], percentiles: Sequence[float], seed: int) -> pd.DataFrame:
    """Tabulate each cohort's range, and how far its ends vary from sample to sample of patients.

    Args:
        cohorts: The table of each cohort, as in `tabulate_transfer`.
        percentiles: The percentiles of the ratios that are the range.
        seed: The seed of the bootstrap.

    Returns:
        A table with the columns cohort, ratio_unit, patients and tumors (those of a finite ratio), and low and high
        with their 95 % intervals from a bootstrap of patients, low_low, low_high, high_low and high_high.
    """
    rows: list[dict[str, Any]] = []
    for (name, tumors), unit in product(cohorts.items(), UNITS):
        finite = tumors[np.isfinite(tumors[f"ratio_{unit}"])]
        patients = [ratios.to_numpy(float) for _, ratios in finite.groupby("case")[f"ratio_{unit}"]]
        row = {"cohort": name, "ratio_unit": unit, "patients": len(patients), "tumors": len(finite)}
        for end, percentile in zip(("low", "high"), percentiles, strict=True):

            def find_end(
                chosen: np.ndarray, patients: list[np.ndarray] = patients, percentile: float = percentile
            ) -> float:
                ratios = np.concatenate([patients[number] for number in chosen.astype(int)])
                return derive_ratio_range(ratios, (percentile, percentile))[0]

            everyone = np.arange(len(patients))
            row[end] = find_end(everyone)
            row[f"{end}_low"], row[f"{end}_high"] = estimate_interval(everyone, find_end, seed)
        rows.append(row)
    return pd.DataFrame(rows)


def describe_transfer(rows: pd.DataFrame) -> str:
    """Describe in a sentence what a range removes: the two rows of tumors and patients."""
    first = rows.iloc[0]
    source = "all other patients" if first["range_of"] == first["tumors_of"] else first["range_of"]
    parts = [
        f"{row['lost']} of {row['n']} {row['counted']}, {row['share']:.1%} [{row['low']:.1%}, {row['high']:.1%}]"
        for _, row in rows.iterrows()
    ]
    return f"{first['tumors_of']}, lost to the range of {source} in {first['ratio_unit']}: {'; '.join(parts)}"
