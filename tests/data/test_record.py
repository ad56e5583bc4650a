"""The clinical record: which value becomes which outcome, and what is not accepted."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from conftest import run_script

from kidney_tumor.data.record import BINARY, CONTINUOUS, RECORD_COLUMNS, read_record
from kidney_tumor.errors import UserError
from kidney_tumor.phantom.record import draw_record
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.nifti import write_volume

GEOMETRY = Geometry((10, 20, 20), [[0, 0, -0.7, 0], [0, -0.8, 0, 0], [-3.0, 0, 0, 0], [0, 0, 0, 1]])
ENTRY = {
    "case_id": "case_00000",
    "radiographic_size": 4.5,
    "pathologic_size": 5,
    "malignant": True,
    "pathology_t_stage": "3",
    "tumor_isup_grade": 3.0,
    "tumor_necrosis": False,
    "positive_resection_margins": False,
    "surgical_procedure": "radical_nephrectomy",
    "clavien_surgical_complications": "2",
    "intraoperative_complications": {
        "blood_transfusion": True,
        "injury_to_surrounding_organ": False,
        "cardiac_event": False,
    },
    "estimated_blood_loss": 300.0,
    "operative_time": 200,
    "hospitalization": 3,
    "ischemia_time": 17,
    "last_preop_egfr": {"value": 80.0, "days_before_nephrectomy": 3},
    "last_postop_egfr": {"value": 55.5, "days_before_nephrectomy": 300},
    "vital_status": "dead",
    "vital_days_after_surgery": 645,
    "voxel_spacing": {"z_spacing": 3.0, "y_spacing": 0.8, "x_spacing": 0.7},
}
UNKNOWN = "'na', 'not_applicable', 'not_found_in_emr'"


def read(tmp_path, *entries, cases=("case_00000",)):
    path = tmp_path / "kits.json"
    path.write_text(json.dumps(entries))
    return read_record(path, dict.fromkeys(cases, GEOMETRY))


def test_an_entry_by_hand(tmp_path):
    table = read(tmp_path, ENTRY)
    assert list(table.columns) == list(RECORD_COLUMNS)
    expected = [45, 50, 1, 1, 1, 1, 0, 0, 1, 1, 300, 200, 3, 17, 24.5, 645, 1]
    assert table.iloc[0, 1:].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("key", "value", "outcome", "expected"),
    [
        ("surgical_procedure", "partial_nephrectomy", "radical_nephrectomy", 0),
        ("surgical_procedure", "cryoablation", "radical_nephrectomy", 0),
        ("surgical_procedure", "nephroureterectomy", "radical_nephrectomy", 1),  # it takes the whole kidney
        ("pathology_t_stage", "2b", "stage_pt3_or_more", 0),
        ("pathology_t_stage", "4", "stage_pt3_or_more", 1),
        ("pathology_t_stage", "3a", "stage_pt3_or_more", 1),
        ("pathology_t_stage", "0", "stage_pt3_or_more", 0),  # benign
        ("pathology_t_stage", "X", "stage_pt3_or_more", math.nan),
        ("pathology_t_stage", "x", "stage_pt3_or_more", math.nan),
        ("pathology_t_stage", "na", "stage_pt3_or_more", math.nan),
        ("pathology_t_stage", "a", "stage_pt3_or_more", 0),  # of the renal pelvis, without invasion
        ("pathology_t_stage", 3, "stage_pt3_or_more", 1),
        ("tumor_isup_grade", "4", "isup_grade_3_or_more", 1),
        ("tumor_isup_grade", "2", "isup_grade_3_or_more", 0),
        ("tumor_isup_grade", "na", "isup_grade_3_or_more", math.nan),
        ("tumor_isup_grade", "not_found_in_emr", "isup_grade_3_or_more", math.nan),
        ("clavien_surgical_complications", 0, "complication", 1),
        ("malignant", "na", "malignant", math.nan),
        ("radiographic_size", "4.25", "radiographic_mm", 42.5),
        ("tumor_isup_grade", 2, "isup_grade_3_or_more", 0),
        ("tumor_isup_grade", None, "isup_grade_3_or_more", math.nan),
        ("tumor_isup_grade", math.nan, "isup_grade_3_or_more", math.nan),
        ("tumor_necrosis", None, "necrosis", math.nan),
        ("clavien_surgical_complications", "0", "complication", 1),  # the transfusion was one
        ("hospitalization", "died_before_discharge", "hospital_days", math.nan),
        ("ischemia_time", "not_applicable", "ischemia_minutes", math.nan),
        ("ischemia_time", 0, "ischemia_minutes", 0),
        ("last_preop_egfr", {"value": ">=90"}, "egfr_fall", 34.5),
        ("last_preop_egfr", {"value": 104}, "egfr_fall", 34.5),  # as a laboratory that reports >=90
        ("last_postop_egfr", {"value": None}, "egfr_fall", math.nan),
        ("last_postop_egfr", {"value": "age<16"}, "egfr_fall", math.nan),
        ("radiographic_size", None, "radiographic_mm", math.nan),
        ("vital_status", "censored", "died", 0),
        ("vital_status", "na", "died", math.nan),
        ("vital_days_after_surgery", None, "survival_days", math.nan),
    ],
)
def test_a_value_by_its_rule(tmp_path, key, value, outcome, expected):
    assert read(tmp_path, ENTRY | {key: value})[outcome].tolist() == pytest.approx([expected], nan_ok=True)


@pytest.mark.parametrize(
    ("grade", "during", "expected"),
    [
        ("0", (False, False, False), 0),
        ("1", (False, False, False), 1),
        ("0", (False, True, False), 1),
        (None, (False, False, False), math.nan),
        (None, (True, False, False), math.nan),
        ("0", (False, None, False), math.nan),
        ("2", None, math.nan),
        ("2", "na", math.nan),
    ],
)
def test_a_complication_is_known_only_where_all_parts_are(tmp_path, grade, during, expected):
    names = ENTRY["intraoperative_complications"]
    parts = dict(zip(names, during, strict=True)) if isinstance(during, tuple) else during
    table = read(tmp_path, ENTRY | {"clavien_surgical_complications": grade, "intraoperative_complications": parts})
    assert table["complication"].tolist() == pytest.approx([expected], nan_ok=True)


def test_entries_of_other_cases_are_ignored(tmp_path):
    other = {"case_id": "case_00299", "malignant": "perhaps"}
    assert len(read(tmp_path, ENTRY, other, other)) == 1


def test_a_key_that_no_case_has_is_missing(tmp_path):
    entry = {key: value for key, value in ENTRY.items() if key not in ("tumor_necrosis", "voxel_spacing")}
    table = read(tmp_path, entry)
    assert table["necrosis"].isna().all()
    assert table.drop(columns="necrosis").notna().all(axis=None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"radiographic_size": "4,5"}, f"radiographic_size is '4,5'; expected a number of at least 0, {UNKNOWN} or"),
        ({"radiographic_size": "-4"}, "radiographic_size is '-4'"),
        ({"radiographic_size": -1}, "radiographic_size is -1"),
        ({"operative_time": True}, "operative_time is True"),
        ({"operative_time": 10**401}, f"expected a number of at least 0, {UNKNOWN} or null"),
        ({"radiographic_size": 1e308}, "radiographic_size is 1e+308"),
        ({"tumor_isup_grade": 7}, 'tumor_isup_grade is 7; expected "1", "2", "3", "4", "na", "not_applicable"'),
        ({"pathology_t_stage": "T3"}, "pathology_t_stage is 'T3'"),
        ({"tumor_isup_grade": 2.5}, "tumor_isup_grade is 2.5"),
        ({"tumor_isup_grade": True}, "tumor_isup_grade is True"),
        ({"malignant": 1}, "malignant is 1; expected true, false or null"),
        ({"malignant": "true"}, "malignant is 'true'"),
        ({"pathology_t_stage": "5"}, "pathology_t_stage is '5'"),
        ({"clavien_surgical_complications": "3c"}, "clavien_surgical_complications is '3c'"),
        (
            {"surgical_procedure": "biopsy"},
            'surgical_procedure is \'biopsy\'; expected "partial_nephrectomy", "radical_nephrectomy", "neph',
        ),
        ({"ischemia_time": "n/a"}, f"ischemia_time is 'n/a'; expected a number of at least 0, {UNKNOWN} or null"),
        ({"last_preop_egfr": 80}, "last_preop_egfr is 80; expected an object"),
        ({"voxel_spacing": {"z_spacing": 1.0, "y_spacing": 0.8, "x_spacing": 0.7}}, "voxel_spacing.z_spacing is 1 mm"),
    ],
)
def test_a_bad_value_gets_one_line(tmp_path, change, words):
    with pytest.raises(UserError) as caught:
        read(tmp_path, ENTRY | change)
    (line,) = str(caught.value).splitlines()
    assert "kits.json: case_00000: " in line
    assert words in line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[{", "is not JSON"),
        ("", "is not JSON"),
        ("{}", "is not a clinical record"),
        ('[{"name": 1}]', "is not a clinical record"),
        ('[{"case_id": 0}]', "is not a clinical record"),
        ("[" * 200000, "is not JSON"),
        (json.dumps([ENTRY, ENTRY]), "has case_00000 twice"),
        ("[]", "lacks case_00000"),
    ],
)
def test_a_bad_record_gets_one_line(tmp_path, content, words):
    path = tmp_path / "kits.json"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        read_record(path, {"case_00000": GEOMETRY})
    (line,) = str(caught.value).splitlines()
    assert str(path) in line
    assert words in line


def test_every_problem_is_reported_and_nothing_is_written(tmp_path):
    for case in ("case_00000", "case_00001", "case_00002"):
        write_volume(tmp_path / case / "segmentation.nii.gz", np.zeros((4, 5, 6), np.uint8), GEOMETRY.stored_affine)
    bad = ENTRY | {"case_id": "case_00001", "malignant": "yes", "hospitalization": "long"}
    (tmp_path / "kits.json").write_text(json.dumps([ENTRY, bad]))
    cases = ["--cases", "case_00000", "case_00001", "case_00002"]
    paths = ["--record", tmp_path / "kits.json", "--root", tmp_path, "--output", tmp_path / "record.tsv"]
    result = run_script("read_record", *paths, *cases)
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("error: ") for line in lines)
    assert [word for word in ("malignant", "hospitalization", "lacks case_00002") if word not in result.stderr] == []
    assert not (tmp_path / "record.tsv").exists()
    assert run_script("read_record", *paths, "--cases", "case_00000").returncode == 0
    assert pd.read_csv(tmp_path / "record.tsv", sep="\t")["case"].tolist() == ["case_00000"]


def test_a_phantom_record_is_read_and_follows_the_measures(tmp_path):
    rng = np.random.default_rng(1)
    names = [f"case_{number:05d}" for number in range(300)]
    axial = rng.lognormal(np.log(40), 0.5, len(names))
    measures = pd.DataFrame({"case": names, "tumor_axial_mm": axial, "tumor_ml": axial**3 / 2000, "kidney_ml": 300.0})
    entries = draw_record(measures, seed=7)
    assert all(entry["phantom"] for entry in entries)
    assert entries[:5] == draw_record(measures.head(5), seed=7)
    assert entries != draw_record(measures, seed=8)
    table = read(tmp_path, *entries, cases=names)
    assert np.corrcoef(table["radiographic_mm"], axial)[0, 1] > 0.9
    large = axial > 60
    assert table.loc[large, "radical_nephrectomy"].mean() > table.loc[~large, "radical_nephrectomy"].mean() + 0.3
    for outcome in (*BINARY, *CONTINUOUS):
        assert table[outcome].nunique() > 1, outcome
