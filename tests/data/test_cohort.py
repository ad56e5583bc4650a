"""Which cases there are."""

import re

import pytest
import yaml
from conftest import ROOT, merged

from kidney_tumor.data.cohort import find_cases, find_cohort, find_root, make_pattern, name_case, select_cases
from kidney_tumor.errors import UserError

PAPER = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


def test_a_pattern_matches_its_names_only(rng):
    names = [*map(name_case, rng.permutation(3000)[:700]), "case_0", "b+", "b"]
    pattern = re.compile(make_pattern(names))
    others = [*map(name_case, range(3000)), "case_", "", "bb", "case_000000", "b\\+"]
    assert {name for name in [*names, *others] if pattern.fullmatch(name)} == set(names)
    assert make_pattern(["case_00003"]) == "case_00003"
    assert not re.fullmatch(make_pattern([]), "")


def test_selected():
    assert select_cases([3, "0-1", 7]) == ["case_00000", "case_00001", "case_00003", "case_00007"]


@pytest.mark.parametrize(
    ("cases", "says"),
    [([3, 3], "case_00003 listed twice"), ([3, "2-4"], "case_00003 listed twice"), (["4-2"], "2-4")],
)
def test_bad_selection(cases, says):
    with pytest.raises(UserError, match=f"data.cases: .*{says}"):
        select_cases(cases)


def test_find_cases(tmp_path):
    for name in ("case_00002", "case_00001", "case_1", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "README.md").touch()
    assert find_cases(tmp_path) == ["case_00001", "case_00002"]


def test_kits19s_unlabeled_cases_are_left_out(tmp_path):
    for name in ("case_00209", "case_00210", "case_00299", "case_00300"):
        (tmp_path / name).mkdir()
    (tmp_path / "case_00299" / "segmentation.nii.gz").touch()
    assert find_cases(tmp_path) == ["case_00209", "case_00299", "case_00300"]


@pytest.mark.parametrize("exists", [False, True])
def test_no_cohort(tmp_path, exists):
    root = tmp_path / "cohort"
    if exists:
        root.mkdir()
    with pytest.raises(UserError) as error:
        find_cases(root)
    message = str(error.value)
    for part in (str(root), "imaging.nii.gz", "segmentation.nii.gz", "github.com/neheller/kits19", "make demo"):
        assert part in message


def test_phantom_cases():
    config = merged(PAPER, data={"source": "phantom"}, phantom={"cases": 3})
    assert find_root(config) == "results/kits19/cohort"
    assert find_cohort(config, "") == ["case_00000", "case_00001", "case_00002"]
    with pytest.raises(UserError, match="case_00009 not among the 3"):
        find_cohort(merged(config, data={"cases": [0, 9]}), "")


def test_root_is_tidied(tmp_path, monkeypatch):
    (tmp_path / "cohort" / "case_00003").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for root, expected in (("./cohort//", "cohort"), ("~/cohort", str(tmp_path / "cohort"))):
        config = merged(PAPER, data={"root": root})
        assert find_root(config) == expected
        assert find_cohort(config, expected) == ["case_00003"]


@pytest.mark.parametrize(
    ("excluded", "left"), [([], [2, 5, 9]), ([5], [2, 9]), (["3-7"], [2, 9]), (["0-4", 9], [5]), (["5-100"], [2])]
)
def test_excluded_ranges_may_have_gaps(tmp_path, excluded, left):
    for number in (2, 5, 9):
        (tmp_path / f"case_{number:05d}").mkdir()
        (tmp_path / f"case_{number:05d}" / "segmentation.nii.gz").touch()
    config = {"data": {"source": "kits19", "root": str(tmp_path), "cases": "all", "exclude": excluded}}
    assert find_cohort(config, str(tmp_path)) == [f"case_{number:05d}" for number in left]


@pytest.mark.parametrize(
    ("excluded", "named"), [([3], "case_00003"), (["3-4"], "case_00003 to case_00004"), ([2, 7], "case_00007")]
)
def test_what_excludes_nothing_is_refused(tmp_path, excluded, named):
    (tmp_path / "case_00002").mkdir()
    (tmp_path / "case_00002" / "segmentation.nii.gz").touch()
    config = {"data": {"source": "kits19", "root": str(tmp_path), "cases": "all", "exclude": excluded}}
    with pytest.raises(UserError, match=f"data.exclude: {named} not among the cases"):
        find_cohort(config, str(tmp_path))
