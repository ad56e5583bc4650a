"""Which cases there are, and the split."""

import pytest
from conftest import run_script

from kits.cli import UserError
from kits.data.cohort import find_cases, select_cases
from kits.data.split import read_split, split_cases, write_split

NAMES = [f"case_{number:05d}" for number in range(210)]


def test_the_papers_split():
    [subset] = split_cases(NAMES, test_cases=20, test_fraction=0.5, seed=1)  # test_cases wins
    assert sorted(subset) == NAMES
    assert list(subset.values()).count("test") == 20
    assert list(subset.values()).count("train") == 190


@pytest.mark.parametrize(("cases", "fraction", "test"), [(210, 0.1, 21), (29, 0.1, 3), (4, 0.1, 1), (4, 0.5, 2)])
def test_fraction(cases, fraction, test):
    [subset] = split_cases(NAMES[:cases], test_cases=None, test_fraction=fraction, seed=1)
    assert list(subset.values()).count("test") == test


def test_split_depends_on_seed_and_names_only():
    [split] = split_cases(NAMES, test_cases=20, test_fraction=None, seed=1)
    assert [split] == split_cases(NAMES[::-1], test_cases=20, test_fraction=None, seed=1)
    assert [split] != split_cases(NAMES, test_cases=20, test_fraction=None, seed=2)


@pytest.mark.parametrize(("cases", "test"), [(1, 1), (20, 20), (3, 20)])
def test_too_small_to_split(cases, test):
    with pytest.raises(UserError, match=f"{cases} cases are too few for {test} test cases"):
        split_cases(NAMES[:cases], test_cases=test, test_fraction=None, seed=1)


def test_neither_count_nor_fraction():
    with pytest.raises(UserError, match="set test_cases or test_fraction"):
        split_cases(NAMES, test_cases=None, test_fraction=None, seed=1)


def test_repeated_holdout_draws_anew_and_begins_with_the_single_split():
    splits = split_cases(NAMES, repeats=3, test_cases=20, seed=1)
    assert splits[0] == split_cases(NAMES, test_cases=20, seed=1)[0]
    assert len({tuple(split.items()) for split in splits}) == 3
    assert [list(split.values()).count("test") for split in splits] == [20, 20, 20]


@pytest.mark.parametrize(("cases", "folds"), [(210, 5), (11, 4), (2, 2)])
def test_folds_test_every_case_once(cases, folds):
    splits = split_cases(NAMES[:cases], scheme="kfold", repeats=folds, seed=1)
    tested = [name for split in splits for name, subset in split.items() if subset == "test"]
    assert sorted(tested) == NAMES[:cases]
    sizes = [list(split.values()).count("test") for split in splits]
    assert max(sizes) - min(sizes) <= 1
    assert splits == split_cases(NAMES[:cases][::-1], scheme="kfold", repeats=folds, seed=1)
    assert cases == 2 or splits != split_cases(NAMES[:cases], scheme="kfold", repeats=folds, seed=2)


@pytest.mark.parametrize(("cases", "folds"), [(5, 1), (5, 6)])
def test_impossible_folds(cases, folds):
    with pytest.raises(UserError, match=rf"split.repeats: {folds} folds of {cases} cases"):
        split_cases(NAMES[:cases], scheme="kfold", repeats=folds, seed=1)


def test_split_file(tmp_path):
    [subset] = split_cases(NAMES[:5], test_cases=2, test_fraction=None, seed=1)
    write_split(tmp_path / "split.tsv", subset)
    assert read_split(tmp_path / "split.tsv") == subset
    assert (tmp_path / "split.tsv").read_text().startswith("case\tsubset\ncase_00000\t")


def test_a_malformed_split_is_one_line(tmp_path):
    (tmp_path / "split.tsv").write_text("case\nx\n")
    with pytest.raises(UserError, match=r"split\.tsv is not a split"):
        read_split(tmp_path / "split.tsv")


def test_the_script_alone(tmp_path):
    arguments = ["--cases", *NAMES[:8], "--test-cases", 3, "--output", tmp_path / "split.tsv"]
    for seed in (1, 2, 3):
        assert run_script("split_cases", *arguments, "--seed", seed).returncode == 0
        assert [read_split(tmp_path / "split.tsv")] == split_cases(
            NAMES[:8], test_cases=3, test_fraction=None, seed=seed
        )


def test_the_script_writes_one_of_several(tmp_path):
    arguments = ["--cases", *NAMES[:6], "--scheme", "kfold", "--repeats", 3, "--output", tmp_path / "split.tsv"]
    expected = split_cases(NAMES[:6], scheme="kfold", repeats=3)
    assert run_script("split_cases", *arguments, "--number", 2).returncode == 0
    assert read_split(tmp_path / "split.tsv") == expected[1]
    result = run_script("split_cases", *arguments, "--number", 4)
    assert result.returncode == 1
    assert "there are 3 splits" in result.stderr


def test_selected():
    assert select_cases([3, "0-1", 7]) == ["case_00000", "case_00001", "case_00003", "case_00007"]


@pytest.mark.parametrize(
    ("cases", "says"),
    [([], "is empty"), ([3, 3], "case_00003 listed twice"), ([3, "2-4"], "case_00003 listed twice"), (["4-2"], "2-4")],
)
def test_bad_selection(cases, says):
    with pytest.raises(UserError, match=f"data.cases: .*{says}"):
        select_cases(cases)


def test_find_cases(tmp_path):
    for name in ("case_00002", "case_00001", "case_1", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "README.md").touch()
    assert find_cases(tmp_path) == ["case_00001", "case_00002"]


def test_kits19s_unlabelled_cases_are_left_out(tmp_path):
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
