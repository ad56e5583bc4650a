"""The clinical record of a cohort in the form of KiTS19's or KiTS23's `kits.json`: a list with an object for each case.

The rules by which its values become outcomes are here. A missing value, `null`, stays missing, and so does an outcome
whose key no case has. The two records write some values differently (docs/data.md); both ways are read.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from kidney_tumor.errors import UserError
from kidney_tumor.volumes.grid import Geometry

Entry = Mapping[str, Any]

SIZES = {"radiographic_mm": "radiographic_size", "pathologic_mm": "pathologic_size"}
"""The columns of the tumor's size in mm, and the keys under which the record has it in cm."""
BINARY = (
    "radical_nephrectomy",
    "stage_pt3_or_more",
    "malignant",
    "isup_grade_3_or_more",
    "necrosis",
    "positive_margin",
    "complication",
    "transfusion",
)
"""The outcomes that a patient has or has not: 1 or 0."""
CONTINUOUS = ("blood_loss_ml", "operative_minutes", "hospital_days", "ischemia_minutes", "egfr_fall")
"""The outcomes that are amounts; the last is the fall of the estimated glomerular filtration rate."""
SURVIVAL = ("survival_days", "died")
"""The days from the operation to the death, or to the last that is known of a patient, and whether it is the death."""
RECORD_COLUMNS = ("case", *SIZES, *BINARY, *CONTINUOUS, *SURVIVAL)

UNKNOWN = ("na", "not_applicable", "not_found_in_emr")
"""The words for what does not apply to a patient, or is not known, which is missing like `null`."""
T_STAGES = ("0", "a", "is", "1", "1a", "1b", "1c", "2", "2a", "2b", "3", "3a", "3b", "3c", "4", "x")
"""The stages of tumors of the kidney and, with `a` and `is`, of its pelvis; `x` cannot be assessed."""
CLAVIEN = ("0", "1", "2", "3", "3a", "3b", "4", "4a", "4b", "5")
PROCEDURES = {
    "partial_nephrectomy": False,
    "radical_nephrectomy": True,
    "nephroureterectomy": True,
    "cryoablation": False,
}
"""The operations, and whether each takes the whole kidney, as a radical nephrectomy does."""
NUMBER = re.compile(r"\d+(\.\d+)?")
SPACINGS = ("z_spacing", "y_spacing", "x_spacing")
"""The keys of the distance between neighboring slices, rows and columns in mm."""
SPACING_TOLERANCE = 0.01
"""The relative difference between the record's spacing and the label's above which they contradict each other."""
LARGEST = 1e9
"""The number from which on no measurement of a patient can be."""


class _Problem(Exception):
    """A value of a case that is not as expected."""


def _pick(entry: Entry, key: str) -> Any:
    """Pick a value; `a.b` names the value `b` of the object `a`. A missing key, null, a NaN and `UNKNOWN` are None."""
    value: Any = entry
    for part in key.split("."):
        if isinstance(value, str) and value.lower() in UNKNOWN:
            return None
        if not isinstance(value, Mapping):
            raise _Problem(f"{key.split('.')[0]} is {value!r}; expected an object")
        value = value.get(part)
        if value is None:
            return None
    if isinstance(value, float) and math.isnan(value):
        return None
    return None if isinstance(value, str) and value.lower() in UNKNOWN else value


def _read_number(entry: Entry, key: str, words: Mapping[str, float] | None = None) -> float:
    """Read a number of at least 0, which may be text; `words` gives what others stand for. A missing value is NaN."""
    value, words = _pick(entry, key), words or {}
    if value is None:
        return math.nan
    if isinstance(value, str) and value in words:
        return words[value]
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < LARGEST:
        return float(value)
    texts = "".join(f", {word!r}" for word in [*words, *UNKNOWN])
    raise _Problem(f"{key} is {value!r}; expected a number of at least 0{texts} or null")


def _read_flag(entry: Entry, key: str) -> float:
    """Read true or false as 1 or 0; a missing value is NaN."""
    value = _pick(entry, key)
    if value is None or isinstance(value, bool):
        return _test(value, bool)
    raise _Problem(f"{key} is {value!r}; expected true, false or null")


def _read_choice(entry: Entry, key: str, choices: Collection[str]) -> str | None:
    """Read one of some words, which may be a number, or in capitals; a missing value is None."""
    value = _pick(entry, key)
    if value is None:
        return None
    word = value.lower() if isinstance(value, str) else _write_number(value)
    if word in choices:
        return word
    raise _Problem(f"{key} is {value!r}; expected {', '.join(map(json.dumps, [*choices, *UNKNOWN]))} or null")


def _write_number(value: Any) -> str:
    """Write a whole number without a fraction, 3.0 as `3`; what is no number as Python does."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


def _test(value: Any, condition: Callable[[Any], bool]) -> float:
    """Return 1 or 0 for whether a value meets a condition, NaN if it is missing."""
    return math.nan if value is None else float(condition(value))


def _read_stage(entry: Entry) -> float:
    stage = _read_choice(entry, "pathology_t_stage", T_STAGES)
    return _test(None if stage == "x" else stage, lambda value: value[0] in "34")


def _read_complication(entry: Entry) -> float:
    """Read whether there was any complication, during the operation or (Clavien-Dindo grade 1 or more) after it.

    It is missing where a part of the record is, since patients would otherwise be chosen by their outcome.
    """
    after = _test(_read_choice(entry, "clavien_surgical_complications", CLAVIEN), lambda grade: grade != "0")
    names = ("blood_transfusion", "injury_to_surrounding_organ", "cardiac_event")
    parts = [after, *(_read_flag(entry, f"intraoperative_complications.{name}") for name in names)]
    return math.nan if any(map(math.isnan, parts)) else max(parts)


def _read_cm(entry: Entry, key: str) -> float:
    """Read a size in cm as mm."""
    return 10 * _read_number(entry, key)


def _read_fall(entry: Entry) -> float:
    """Read the fall of the eGFR from the last value before the operation to the last after it.

    Laboratories report high values as `>=90`, so that all from 90 on count as 90, and none for children (`age<16`).
    """
    words = {">=90": 90.0, "age<16": math.nan}
    before, after = (_read_number(entry, f"{name}.value", words) for name in ("last_preop_egfr", "last_postop_egfr"))
    return min(before, 90.0) - min(after, 90.0)


READERS: dict[str, Callable[[Entry], float]] = {
    **{column: partial(_read_cm, key=key) for column, key in SIZES.items()},
    "radical_nephrectomy": lambda entry: _test(
        _read_choice(entry, "surgical_procedure", PROCEDURES), PROCEDURES.__getitem__
    ),
    "stage_pt3_or_more": _read_stage,
    "malignant": lambda entry: _read_flag(entry, "malignant"),
    "isup_grade_3_or_more": lambda entry: _test(
        _read_choice(entry, "tumor_isup_grade", ("1", "2", "3", "4")), lambda grade: grade in "34"
    ),
    "necrosis": lambda entry: _read_flag(entry, "tumor_necrosis"),
    "positive_margin": lambda entry: _read_flag(entry, "positive_resection_margins"),
    "complication": _read_complication,
    "transfusion": lambda entry: _read_flag(entry, "intraoperative_complications.blood_transfusion"),
    "blood_loss_ml": lambda entry: _read_number(entry, "estimated_blood_loss"),
    "operative_minutes": lambda entry: _read_number(entry, "operative_time"),
    "hospital_days": lambda entry: _read_number(entry, "hospitalization", {"died_before_discharge": math.nan}),
    "ischemia_minutes": lambda entry: _read_number(entry, "ischemia_time"),
    "egfr_fall": _read_fall,
    "survival_days": lambda entry: _read_number(entry, "vital_days_after_surgery"),
    "died": lambda entry: _test(_read_choice(entry, "vital_status", ("censored", "dead")), "dead".__eq__),
}
"""How each column but the first is read from a case's entry."""


def read_record(path: Path, geometries: Mapping[str, Geometry]) -> pd.DataFrame:
    """Read the sizes and outcomes of some cases from a clinical record.

    Args:
        path: The record; entries of other cases are ignored.
        geometries: The geometry of each case's label volume, against which the record's `voxel_spacing` is checked
            where an entry has it.

    Returns:
        A table with the columns `RECORD_COLUMNS` and a row for each case; outcomes are NaN where they are missing.

    Raises:
        UserError: The file is missing or not such a list, lacks a case or has it twice, or a value is not as expected.
            The message has a line for each problem.
    """
    entries = _read_entries(path)
    problems = [f"{path} has {case} twice; keep one" for case in geometries if len(entries.get(case, [])) > 1]
    rows: list[dict[str, Any]] = []
    for case, geometry in geometries.items():
        if case not in entries:
            problems.append(f"{path} lacks {case}; add it (null for what is unknown), or leave the case out")
            continue
        entry, row = entries[case][0], dict[str, Any](case=case)
        for column, read in READERS.items():
            try:
                row[column] = read(entry)
            except _Problem as problem:
                problems.append(f"{path}: {case}: {problem}")
        try:
            _check_spacing(entry, geometry)
        except _Problem as problem:
            problems.append(f"{path}: {case}: {problem}")
        rows.append(row)
    if problems:
        raise UserError("\n".join(dict.fromkeys(problems)))
    return pd.DataFrame(rows, columns=list(RECORD_COLUMNS))


def _read_entries(path: Path) -> dict[str, list[Entry]]:
    """Read the entries of a record by their case."""
    expected = "expected a list of objects with case_id, as KiTS19's kits.json"
    if not path.is_file():
        raise UserError(f"{path} is missing; {expected}")
    try:
        content = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({error}); {expected}") from error
    if not isinstance(content, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("case_id"), str) for entry in content
    ):
        raise UserError(f"{path} is not a clinical record; {expected}")
    entries: dict[str, list[Entry]] = {}
    for entry in content:
        entries.setdefault(entry["case_id"], []).append(entry)
    return entries


def _check_spacing(entry: Entry, geometry: Geometry) -> None:
    for key, measured in zip(SPACINGS, geometry.spacing, strict=True):
        stated = _read_number(entry, f"voxel_spacing.{key}")
        if abs(stated - measured) > SPACING_TOLERANCE * measured:
            raise _Problem(
                f"voxel_spacing.{key} is {stated:g} mm, but the label volume's header has {measured:g} mm; "
                "correct the wrong one"
            )
