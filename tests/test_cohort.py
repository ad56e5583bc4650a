"""Which cases there are, and the split."""

import pytest
from conftest import run_script

from kits.cli import UserError
from kits.cohort import find_cases, read_split, selected, split_cases, write_split

NAMES = [f"case_{number:05d}" for number in range(210)]


def test_the_papers_split():
    subset = split_cases(NAMES, 20, 0.5, seed=1)  # test_cases wins
    assert sorted(subset) == NAMES
    assert list(subset.values()).count("test") == 20
    assert list(subset.values()).count("train") == 190


@pytest.mark.parametrize(("cases", "fraction", "test"), [(210, 0.1, 21), (29, 0.1, 3), (4, 0.1, 1), (4, 0.5, 2)])
def test_fraction(cases, fraction, test):
    subset = split_cases(NAMES[:cases], None, fraction, seed=1)
    assert list(subset.values()).count("test") == test


def test_split_depends_on_seed_and_names_only():
    split = split_cases(NAMES, 20, None, seed=1)
    assert split == split_cases(NAMES[::-1], 20, None, seed=1)
    assert split != split_cases(NAMES, 20, None, seed=2)


@pytest.mark.parametrize(("cases", "test"), [(1, 1), (20, 20), (3, 20)])
def test_too_small_to_split(cases, test):
    with pytest.raises(UserError, match=f"{cases} cases are too few for {test} test cases"):
        split_cases(NAMES[:cases], test, None, seed=1)


def test_neither_count_nor_fraction():
    with pytest.raises(UserError, match="set test_cases or test_fraction"):
        split_cases(NAMES, None, None, seed=1)


def test_split_file(tmp_path):
    subset = split_cases(NAMES[:5], 2, None, seed=1)
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
        assert read_split(tmp_path / "split.tsv") == split_cases(NAMES[:8], 3, None, seed)


def test_selected():
    assert selected([3, "0-1", 7]) == ["case_00000", "case_00001", "case_00003", "case_00007"]


@pytest.mark.parametrize(
    ("cases", "says"),
    [([], "is empty"), ([3, 3], "case_00003 listed twice"), ([3, "2-4"], "case_00003 listed twice"), (["4-2"], "2-4")],
)
def test_bad_selection(cases, says):
    with pytest.raises(UserError, match=f"data.cases: .*{says}"):
        selected(cases)


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
