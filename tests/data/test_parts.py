"""The parts of the cohort: by the files of the cases, and by the splits."""

import pytest
import yaml
from conftest import ROOT, merged

from kidney_tumor.data.cohort import VOLUMES
from kidney_tumor.data.parts import divide_cohort
from kidney_tumor.errors import UserError

PAPER = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
CASES = [f"case_{number:05d}" for number in range(6)]


def make_cohort(root, **lacking):
    """Make empty volumes of six cases, without those named for a case."""
    for case in CASES:
        (root / case).mkdir()
        for volume in VOLUMES:
            if volume not in lacking.get(case, ()):
                (root / case / volume).touch()


def test_a_case_without_a_file_is_in_no_part_that_needs_it(tmp_path):
    make_cohort(tmp_path, case_00001=VOLUMES[:1], case_00004=VOLUMES[1:])
    found = divide_cohort(merged(PAPER, split={"scheme": "kfold", "repeats": 3}), str(tmp_path))
    complete = [case for case in CASES if case not in ("case_00001", "case_00004")]
    assert (found.cases, found.complete) == (CASES, complete)
    assert found.labeled == [case for case in CASES if case != "case_00004"]
    assert found.splits == list(found.tested) == ["split_1/", "split_2/", "split_3/"]
    assert sorted(case for cases in found.tested.values() for case in cases) == complete
    assert all(sorted(found.trained[part] + found.tested[part]) == complete for part in found.splits)
    assert (found.missing, found.source) == ("", "kits19")
    assert found.describe_lacking() == (
        f"the cohort lacks {tmp_path}/case_00001/imaging.nii.gz, {tmp_path}/case_00004/segmentation.nii.gz"
    )
    for case in CASES[:3]:
        (tmp_path / case / "segmentation.nii.gz").unlink()
    text = divide_cohort(merged(PAPER, split={"test_cases": 2}), str(tmp_path)).describe_lacking()
    assert text.count("nii.gz") == 3
    assert text.endswith(" and 2 more")


def test_a_single_split_has_no_folder(tmp_path):
    make_cohort(tmp_path)
    found = divide_cohort(merged(PAPER, split={"test_cases": 2}), str(tmp_path))
    assert found.splits == [""]
    assert [len(found.trained[""]), len(found.tested[""])] == [4, 2]


def test_phantoms_have_all_files_that_will_be_made(tmp_path):
    config = merged(PAPER, data={"source": "phantom"}, phantom={"cases": 6}, split={"test_cases": 2})
    found = divide_cohort(config, str(tmp_path))
    assert found.cases == found.complete == found.labeled == CASES
    assert (found.hidden, found.source) == ({}, "phantom")


def test_without_a_cohort_there_is_the_reason_and_still_the_hidden_cases(tmp_path):
    image = tmp_path / "case_00250" / VOLUMES[0]
    image.parent.mkdir()
    image.touch()
    found = divide_cohort(merged(PAPER, split={"repeats": 3}), str(tmp_path))
    assert found.missing.startswith(f"data.root: no cohort in {tmp_path}; expected")
    assert found.hidden == {"case_00250": image}
    assert (found.cases, found.complete, found.labeled, found.splits) == ([], [], [], [""])
    assert found.trained == found.tested == {"": []}


def test_too_few_cases_for_the_split_are_no_cohort(tmp_path):
    """Scans and predictions of others need none, so they go on."""
    config = merged(PAPER, data={"source": "phantom"}, phantom={"cases": 6}, split={"test_cases": 6})
    found = divide_cohort(config, str(tmp_path))
    assert found.missing.startswith("split: 6 cases are too few")
    assert (found.cases, found.trained) == ([], {"": []})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data": {"exclude": ["0-5"]}}, "data.exclude: no case is left"),
        ({"split": {"test_cases": 2}, "training": {"validation_cases": 4}}, "training.validation_cases: 4 of 4"),
    ],
)
def test_what_leaves_no_case_is_an_error(tmp_path, change, says):
    make_cohort(tmp_path)
    with pytest.raises(UserError, match=says):
        divide_cohort(merged(PAPER, **change), str(tmp_path))
