"""Which cases are held out for the test."""

import pytest
from conftest import run_script

from kidney_tumor.data.split import read_split, select_effective, split_cases, write_split
from kidney_tumor.errors import UserError

NAMES = [f"case_{number:05d}" for number in range(210)]
ONCE = {"scheme": "holdout", "repeats": 1, "test_cases": None, "test_fraction": None, "seed": 0}


def split(cases, **changes):
    return split_cases(cases, **ONCE | changes)


def test_the_papers_split():
    [subset] = split(NAMES, test_cases=20, test_fraction=0.5, seed=1)  # test_cases wins
    assert sorted(subset) == NAMES
    assert list(subset.values()).count("test") == 20
    assert list(subset.values()).count("train") == 190


@pytest.mark.parametrize(("cases", "fraction", "test"), [(210, 0.1, 21), (29, 0.1, 3), (4, 0.1, 1), (4, 0.5, 2)])
def test_fraction(cases, fraction, test):
    [subset] = split(NAMES[:cases], test_cases=None, test_fraction=fraction, seed=1)
    assert list(subset.values()).count("test") == test


def test_split_depends_on_seed_and_names_only():
    [subset] = split(NAMES, test_cases=20, test_fraction=None, seed=1)
    assert [subset] == split(NAMES[::-1], test_cases=20, test_fraction=None, seed=1)
    assert [subset] != split(NAMES, test_cases=20, test_fraction=None, seed=2)


@pytest.mark.parametrize(("cases", "test"), [(1, 1), (20, 20), (3, 20)])
def test_too_small_to_split(cases, test):
    with pytest.raises(UserError, match=f"{cases} cases are too few for {test} test cases"):
        split(NAMES[:cases], test_cases=test, test_fraction=None, seed=1)


def test_neither_count_nor_fraction():
    with pytest.raises(UserError, match="set test_cases or test_fraction"):
        split(NAMES, test_cases=None, test_fraction=None, seed=1)


def test_repeated_holdout_draws_anew_and_begins_with_the_single_split():
    splits = split(NAMES, repeats=3, test_cases=20, seed=1)
    assert splits[0] == split(NAMES, test_cases=20, seed=1)[0]
    assert len({tuple(parts.items()) for parts in splits}) == 3
    assert [list(parts.values()).count("test") for parts in splits] == [20, 20, 20]


@pytest.mark.parametrize(("cases", "folds"), [(210, 5), (11, 4), (2, 2)])
def test_folds_test_every_case_once(cases, folds):
    splits = split(NAMES[:cases], scheme="kfold", repeats=folds, seed=1)
    tested = [name for parts in splits for name, subset in parts.items() if subset == "test"]
    assert sorted(tested) == NAMES[:cases]
    sizes = [list(parts.values()).count("test") for parts in splits]
    assert max(sizes) - min(sizes) <= 1
    assert splits == split(NAMES[:cases][::-1], scheme="kfold", repeats=folds, seed=1)
    assert cases == 2 or splits != split(NAMES[:cases], scheme="kfold", repeats=folds, seed=2)


@pytest.mark.parametrize(("cases", "folds"), [(5, 1), (5, 6)])
def test_impossible_folds(cases, folds):
    with pytest.raises(UserError, match=rf"split.repeats: {folds} folds of {cases} cases"):
        split(NAMES[:cases], scheme="kfold", repeats=folds, seed=1)


def test_split_file(tmp_path):
    [subset] = split(NAMES[:5], test_cases=2, test_fraction=None, seed=1)
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
        assert [read_split(tmp_path / "split.tsv")] == split(NAMES[:8], test_cases=3, test_fraction=None, seed=seed)


def test_the_script_writes_one_of_several(tmp_path):
    arguments = ["--cases", *NAMES[:6], "--scheme", "kfold", "--repeats", 3, "--output", tmp_path / "split.tsv"]
    expected = split(NAMES[:6], scheme="kfold", repeats=3)
    assert run_script("split_cases", *arguments, "--number", 2).returncode == 0
    assert read_split(tmp_path / "split.tsv") == expected[1]
    result = run_script("split_cases", *arguments, "--number", 4)
    assert result.returncode == 1
    assert "there are 3 splits" in result.stderr


SECTION = {"scheme": "holdout", "repeats": 3, "test_cases": 4, "test_fraction": 0.3, "seed": 7}


@pytest.mark.parametrize("change", [{}, {"test_cases": None}, {"scheme": "kfold"}])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_effective_keys_are_enough(change, number):
    section = SECTION | change
    keys = select_effective(section, number)
    assert keys.pop("number") == number
    assert split(NAMES[:20], **keys)[number - 1] == split(NAMES[:20], **section)[number - 1]


@pytest.mark.parametrize(
    ("given", "change", "same"),
    [
        ({}, {"test_fraction": 0.5}, True),  # test_cases wins
        ({}, {"repeats": 9}, True),  # a further split leaves the first ones as they are
        ({}, {"test_cases": 5}, False),
        ({}, {"seed": 8}, False),
        ({"test_cases": None}, {"test_fraction": 0.5}, False),
        ({"scheme": "kfold"}, {"test_cases": 5, "test_fraction": 0.5}, True),  # all cases are tested, once
        ({"scheme": "kfold"}, {"repeats": 4}, False),
        ({}, {"scheme": "kfold"}, False),
    ],
)
def test_the_effective_keys_are_those_that_decide_a_split(given, change, same):
    section = SECTION | given
    assert (select_effective(section, 2) == select_effective(section | change, 2)) is same
    if same:
        assert split(NAMES[:20], **section)[1] == split(NAMES[:20], **section | change)[1]
