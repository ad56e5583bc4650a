"""Other methods as they are named, found and scored by the workflow: their folders, labels and reruns."""

import os
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import RESULTS, ROOT, TINY, errors, list_jobs, merged, refused, save, turn

from kidney_tumor import configuration
from kidney_tumor.data import methods
from kidney_tumor.errors import UserError

PAPER = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
NAN = float("nan")


def find(entry, case):
    """Find a case by an entry of the configuration, or in a folder."""
    return methods.find_segmentations(methods.parse_method(entry if isinstance(entry, dict) else str(entry)), case)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    "name",
    [
        "segmentations/case_00012.nii.gz",
        "case_00012.nii.gz",
        "case_00012.nii",
        "case_00012/segmentation.nii.gz",
        "prediction_00012.nii.gz",
        "case_00012_0000.nii.gz",
        "case_00012_0000.nii",
    ],
)
def test_a_case_is_found_in_each_form(tmp_path, name):
    for path in (tmp_path / name, tmp_path / name.replace("12", "13")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert find(tmp_path, "case_00012") == methods.Found((str(tmp_path / name),))


def test_every_split_counts_and_what_is_missing_or_doubtful_is_said(tmp_path):
    for number in (1, 3):
        save(tmp_path / f"split_{number}" / "segmentations" / "case_00012.nii.gz", np.zeros((2, 2, 2), np.uint8))
    found = find(tmp_path, "case_00012")
    assert [path.removeprefix(f"{tmp_path}/") for path in found.files] == [
        "split_1/segmentations/case_00012.nii.gz",
        "split_3/segmentations/case_00012.nii.gz",
    ]
    assert found.problem == ""
    found = find(tmp_path, "case_00013")
    assert found.files == ()
    assert found.problem.startswith(f"no segmentation in {tmp_path}; looked for segmentations/case_00013.nii.gz, ")
    for name in ("case_00014.nii", "prediction_00014.nii.gz"):
        (tmp_path / name).touch()
    found = find(tmp_path, "case_00014")
    assert found.files == ()
    assert found.problem.endswith(f"{tmp_path}/case_00014.nii and {tmp_path}/prediction_00014.nii.gz; keep one")


def test_a_segmentation_wins_over_a_file_with_the_name_of_an_image(tmp_path):
    """As in a folder with predictions and, beside them, the images that nnU-Net read."""
    touch(tmp_path, "case_00012.nii.gz", "case_00012_0000.nii.gz", "case_00012.pkl", "dataset.json")
    assert find(tmp_path, "case_00012").files == (str(tmp_path / "case_00012.nii.gz"),)


@pytest.mark.parametrize("place", methods.ORGAN_FOLDERS)
def test_a_folder_with_a_file_for_each_organ(tmp_path, place):
    """TotalSegmentator's names count without a word; others where they are named, with or without their suffix."""
    folder = place.format(case="case_00012")
    organs = ("kidney_left.nii.gz", "kidney_right.nii.gz", "kidney_cyst_left.nii.gz", "mass.nii", "liver.nii.gz")
    touch(tmp_path, *(f"{folder}/{name}" for name in organs))
    paths = {name.partition(".")[0]: str(tmp_path / folder / name) for name in organs}
    both = [paths["kidney_left"], paths["kidney_right"]]
    for entry in ({}, {"tumor": []}, {"kidney": [1]}):
        found = find({"folder": str(tmp_path), **entry}, "case_00012")
        assert found == methods.Found(tuple(both), {"kidney": both})
    named = {"kidney": ["kidney_left", "kidney_right.nii.gz", "kidney_cyst_left"], "tumor": ["mass"]}
    found = find({"folder": str(tmp_path), **named}, "case_00012")
    assert found.organs == {"kidney": [*both, paths["kidney_cyst_left"]], "tumor": [paths["mass"]]}
    assert (found.absent, found.problem) == ((), "")
    assert set(found.files) == {*both, paths["kidney_cyst_left"], paths["mass"]}
    found = find({"folder": str(tmp_path), "tumor": ["mass", "metastasis"]}, "case_00012")
    assert found.organs == {"kidney": both, "tumor": [paths["mass"]]}
    assert found.absent == ("metastasis",)


def test_an_organ_without_a_file_was_not_found_but_a_case_needs_a_kidney(tmp_path):
    touch(tmp_path, "case_00001/kidney_right.nii.gz", "case_00002/liver.nii.gz", "case_00002/mass.nii.gz")
    found = find(tmp_path, "case_00001")
    assert found.organs == {"kidney": [str(tmp_path / "case_00001" / "kidney_right.nii.gz")]}
    assert found.absent == ("kidney_left",)
    named = {"folder": str(tmp_path), "tumor": ["mass"]}
    found = find(named, "case_00001")
    assert found.organs["tumor"] == []
    assert found.absent == ("kidney_left", "mass")
    method = methods.parse_method(named)
    assert methods.list_never_found(method, [found, methods.Found(problem="none")]) == ["kidney_left", "mass"]
    assert methods.list_never_found(method, [found, methods.Found(("f",), absent=("mass",))]) == ["mass"]
    assert methods.list_never_found(method, [found, methods.Found(("f",))]) == []
    assert methods.list_never_found(methods.parse_method(str(tmp_path)), [found]) == []
    for entry in (tmp_path, named):
        found = find(entry, "case_00002")
        assert found.files == ()
        assert "case_00002/kidney_left.nii.gz" in found.problem
        assert found.problem.endswith(
            "there are liver.nii.gz, mass.nii.gz: name those that count, as kidney: [kidney_left, kidney_right]"
        )
    assert find({"folder": str(tmp_path), "kidney": [], "tumor": ["mass"]}, "case_00002").problem == ""
    touch(tmp_path, "case_00003/kidney_left.nii.gz", "case_00003/segmentations/kidney_left.nii.gz")
    assert "several segmentations in" in find(tmp_path, "case_00003").problem
    touch(tmp_path, "case_00004/kidney_left.nii.gz")
    found = find({"folder": str(tmp_path), "kidney": [2, 3], "tumor": []}, "case_00004")  # labels of one volume
    assert "there are kidney_left.nii.gz: name those" in found.problem


@pytest.mark.parametrize(
    "name",
    [
        "segmentations/{}.nii.gz",
        "{}.nii.gz",
        "{}.nii",
        "{}/segmentation.nii.gz",
        "{}/kidney_left.nii.gz",
        "{}/segmentations/kidney_right.nii.gz",
        "{}.nii.gz/kidney_left.nii.gz",
        "{}_0000/kidney_left.nii.gz",
        "{}_0000.nii.gz",
    ],
)
def test_cases_of_any_name_are_listed(tmp_path, name):
    cases = ["Patient 7 (left)", "y[1]", "case_00012", "p.1-2", "x_0001"]
    touch(tmp_path, *map(name.format, cases), "README.md", ".hidden.nii.gz", "plots/a.png", "kits.json")
    found = methods.list_cases(methods.parse_method(str(tmp_path)))
    assert {case: one.files for case, one in found.items()} == {
        case: (str(tmp_path / name.format(case)),) for case in cases
    }


def test_the_suffix_of_images_is_no_part_of_a_name_where_all_have_it(tmp_path):
    def names(folder):
        return list(methods.list_cases(methods.parse_method(str(tmp_path / folder))))

    touch(tmp_path / "numbered", "case_0000.nii.gz", "case_0001.nii.gz")
    assert names("numbered") == ["case_0000", "case_0001"]
    touch(tmp_path / "beside", "a.nii.gz", "a_0000.nii.gz", "b.nii.gz", "b_0000.nii.gz")
    assert names("beside") == ["a", "b"]
    touch(tmp_path / "challenge", "prediction_00210.nii.gz", "prediction_00211.nii.gz")
    assert names("challenge") == ["case_00210", "case_00211"]
    assert names("nowhere") == []


def test_cases_are_matched_by_name_and_the_others_named(tmp_path):
    touch(tmp_path / "truth", *(f"{case}.nii.gz" for case in ("a", "b", "c", "d", "{e}")), "d.nii")
    touch(tmp_path / "other", "a/segmentation.nii.gz", "c_0000.nii.gz", "d.nii.gz", "{e}.nii.gz", "f.nii.gz", "g.txt")
    touch(tmp_path / "other", "split_1/segmentations/b.nii.gz", "split_2/segmentations/b.nii.gz")
    truth = methods.list_cases(methods.parse_method(str(tmp_path / "truth")))
    assert list(truth) == ["a", "b", "c", "d", "{e}"]
    matched, unknown = methods.match_cases(truth, methods.parse_method(str(tmp_path / "other")))
    assert unknown == ["f"]
    problems = {case: methods.explain_unusable(case, truth[case], found) for case, found in matched.items()}
    assert problems["a"] == problems["c"] == ""
    assert problems["b"] == "several splits segment it, as prediction; name the folder of one"
    assert problems["d"].endswith(f"{tmp_path}/truth/d.nii.gz and {tmp_path}/truth/d.nii; keep one")
    assert problems["{e}"] == "its name has < > { } or a control character; rename it"
    none = methods.find_segmentations(methods.parse_method(str(tmp_path / "empty")), "a")
    assert methods.explain_unusable("a", truth["a"], none) == "no prediction"


def test_an_organ_of_another_format_is_none(tmp_path):
    for name in ("kidney_left.nrrd", "kidney_right.nii.gz"):
        (tmp_path / "case_00012").mkdir(exist_ok=True)
        (tmp_path / "case_00012" / name).touch()
    found = methods.find_segmentations(methods.parse_method(str(tmp_path)), "case_00012")
    assert [path for paths in found.organs.values() for path in paths] == [f"{tmp_path}/case_00012/kidney_right.nii.gz"]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"kits19": "folder"}, r"compare.kits19 has the name of this run"),
        ({"a b": "folder"}, r"compare: 'a b' does not match .*expected a name of letters, digits"),
        ({"../up": "folder"}, r"compare: '../up'"),
        ({"split_2": "folder"}, r"compare: 'split_2'"),
        ({7: "folder"}, r"compare: 7 is not of type 'string'"),
        ({"a": 7}, r"compare.a: 7 is not of type 'string', 'object'; expected a folder"),
        ({"a": {"kidney": [1]}}, r"compare.a.folder is missing"),
        (
            {"a": {"folder": "f", "kidneys": [1]}},
            r"compare.a.kidneys is not a known key; did you mean compare.a.kidney",
        ),
        ({"a": {"folder": "f", "kidney": [0]}}, r"compare.a.kidney.0: 0 is less than the minimum of 1"),
        ({"a": {"folder": "f", "kidney": [2, 3]}}, r"compare.a: 2 is both kidney and tumor"),
        ({"a": {"folder": "f", "kidney": [], "tumor": []}}, r"compare.a has neither kidney nor tumor"),
        ({"a": {"folder": "f", "kidney": ["k"], "tumor": ["k"]}}, r"compare.a: k is both kidney and tumor"),
        ({"a": {"folder": "f", "kidney": [1, "k"]}}, r"compare.a mixes labels and names of files"),
        ({"a": {"folder": "f", "kidney": [1], "tumor": ["t"]}}, r"compare.a mixes labels and names of files"),
        (
            {"a": {"folder": "f", "kidney": ["../k"]}},
            r"compare.a.kidney.0: '../k' does not match .*the name of an organ",
        ),
    ],
)
def test_mistakes_in_the_configuration_are_named(entry, says):
    with pytest.raises(UserError, match=f"^config: {says}"):
        configuration.validate(merged(PAPER, compare=entry))


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"transfer": {"kits19": "f"}}, r"transfer.kits19 has the name of this run"),
        ({"readers": {"kits19": "f"}}, r"readers.kits19 has the name of this run"),
        (
            {"transfer": {"a": {"folder": "f", "kidneys": [1]}}},
            r"transfer.a.kidneys is not a known key; did you mean transfer.a.kidney",
        ),
        ({"transfer": {"a": {"tumor": [1]}}}, r"transfer.a.folder is missing"),
        ({"transfer": {"a": {"folder": "f", "tumor": ["t"]}}}, r"transfer.a.tumor.0: 't' is not of type 'integer'"),
        ({"readers": {"a": {"folder": "f", "tumor": []}}}, r"readers.a.tumor: \[\] should be non-empty"),
        ({"readers": {"a": {"folder": "f", "kidney": [2]}}}, r"readers.a: 2 is both kidney and tumor"),
    ],
)
def test_mistakes_in_other_cohorts_and_readers_are_named(sections, says):
    with pytest.raises(UserError, match=f"^config: {says}"):
        configuration.validate(merged(PAPER, **sections))
    configuration.validate(merged(PAPER, transfer={"a": {"folder": "f", "tumor": [1]}}))  # masks of tumors alone


def find_labels(folder):
    return methods.find_labels(methods.parse_method(str(folder)))


@pytest.mark.parametrize(
    "form", ["segmentations/{}.nii.gz", "{}.nii.gz", "{}.nii", "{}/segmentation.nii.gz"], ids=lambda form: form[-9:]
)
def test_a_cohort_is_found_whatever_its_cases_are_called(tmp_path, form):
    names = ("7", "case_00210", "pat 1.b")
    touch(tmp_path, *map(form.format, names), form.format(".hidden"), "README.md", "deep/er/case_1.nii.gz", "kits.json")
    assert list(find_labels(tmp_path).items()) == [(name, f"{tmp_path}/{form.format(name)}") for name in names]


def test_a_cohort_that_is_missing_or_doubtful_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"^there is no folder .*none$"):
        find_labels(tmp_path / "none")
    with pytest.raises(UserError, match=r"^no segmentation in .*; looked for segmentations/<case>.nii.gz, .*split_"):
        find_labels(tmp_path)
    touch(tmp_path / "two", "a.nii.gz", "a/segmentation.nii.gz", "b.nii.gz")
    with pytest.raises(UserError, match=r"^a: several segmentations in .*a.nii.gz and .*; keep one$"):
        find_labels(tmp_path / "two")
    touch(tmp_path / "braces", "{a}.nii.gz")
    with pytest.raises(UserError, match=r"^\{a\}: its name has < > \{ \} or a control character; rename it$"):
        find_labels(tmp_path / "braces")
    touch(tmp_path / "organs", "a/kidney_left.nii.gz", "a/kidney_right.nii.gz")
    with pytest.raises(UserError, match=r"^a has a file for each organ, .*kidney_left.nii.gz; name a folder of label"):
        find_labels(tmp_path / "organs")


def test_names_and_folders_stay_text_and_labels_become_numbers():
    """As `--config compare='{2019: no, a: {folder: 007, kidney: [2, 3], tumor: []}}'` gives them."""
    given = {"2019": "no", "a": {"folder": "007", "kidney": ["2", "3"], "tumor": []}}
    given["b"] = {"folder": "x", "kidney": ["kidney_left", "kidney_right"]}
    config = merged(PAPER, compare=given)
    configuration.parse_texts(config)
    configuration.validate(config)
    assert config["compare"] == {
        "2019": "no",
        "a": {"folder": "007", "kidney": [2, 3], "tumor": []},
        "b": {"folder": "x", "kidney": ["kidney_left", "kidney_right"]},
    }
    assert configuration.list_changes(config) == {}
    assert methods.parse_method("~/x").folder == methods.Path.home() / "x"
    assert methods.parse_method("x").values is None
    assert methods.parse_method({"folder": "x", "kidney": [1, 3]}).values == {"kidney": [1, 3], "tumor": [2]}
    shared = methods.parse_method("x", labels={"kidney": [1, 3]})
    assert shared.values == {"kidney": [1, 3], "tumor": [2]}
    assert shared.organs == configuration.ORGANS  # a folder of organs' masks is still found
    own = {"folder": "x", "kidney": [4], "tumor": []}
    assert methods.parse_method(own, labels={"kidney": [1, 3]}).values == {"kidney": [4], "tumor": []}


@pytest.mark.slow
def test_nothing_to_compare_with_is_one_line(project):
    line = refused(project.snakemake(TINY, "compare", "--dry-run"))
    assert line.startswith("error: compare: there is nothing to compare with; name folders")
    (project.folder / "empty").mkdir()
    config = ["--config", "compare={other: results/other, none: {folder: empty, kidney: [2, 3], tumor: []}}"]
    result = project.snakemake(TINY, "compare", "--dry-run", *config)
    assert result.returncode != 0
    missing, nothing = errors(result.stdout)
    assert missing == "error: compare.other: there is no folder results/other"
    assert "compare.none: none of 2 test cases; case_0000" in nothing
    assert "no segmentation in empty; looked for segmentations/case_0000" in nothing
    alone = project.snakemake(TINY, "compare", "--dry-run", "--config", "compare={none: empty}")
    assert "compare.none: none of 2 test cases; case_0000" in refused(alone)
    result = project.snakemake(TINY, "ratio_range", "--dry-run", *config)
    assert result.returncode == 0, result.stdout  # who does not ask for it is not stopped


@pytest.mark.slow
def test_three_methods_end_to_end_and_only_what_changes_runs_again(finished, copy_of):
    project = copy_of(finished)
    results, cohort = project.folder / RESULTS, project.folder / RESULTS / "cohort"
    scores = pd.read_csv(results / "scores.tsv", sep="\t")
    first, second = sorted(scores["case"].unique())
    shutil.copytree(results / "segmentations", project.folder / "results" / "other" / "segmentations")
    shutil.copytree(cohort, project.folder / "truth", ignore=shutil.ignore_patterns("imaging*", "kits.json"))
    shifted = project.folder / "shifted" / f"{first}.nii"
    shifted.parent.mkdir()
    image = nib.load(cohort / first / "segmentation.nii.gz")
    moved = np.roll(np.asanyarray(image.dataobj), 1, 2)
    foreign = np.where(moved == 2, 1, np.where(moved == 1, 3, 0)).astype(np.uint8)
    nib.save(turn(nib.Nifti1Image(foreign, image.affine), "LAS"), shifted)
    labels = {"folder": "shifted", "kidney": [2, 3], "tumor": [1]}
    config = merged(TINY, compare={"truth": "truth", "shifted": labels, "other": "results/other"})
    assert project.planned(config) == {}  # a complete run compares nothing
    result = project.snakemake(config, "compare")
    assert result.returncode == 0, result.stdout
    assert f"warning: shifted: {second} is left out: no segmentation in shifted; looked for" in result.stdout
    assert "truth minus tiny: Dice of kidney + tumor, mean +" in result.stdout
    assert (results / "figures" / "comparison.png").exists()
    table = pd.read_csv(results / "comparison.tsv", sep="\t").set_index(["method", "case", "target"])
    after = scores[scores["stage"] == "after"].set_index(["case", "target"])["dice"]
    for method in ("tiny", "other"):
        assert table.loc[method]["dice"].to_dict() == pytest.approx(after.to_dict(), abs=1e-6, nan_ok=True)
    assert (table.loc["truth"]["surface_dice"].dropna() == 1).all()
    truth, moved = np.asanyarray(image.dataobj) > 0, moved > 0
    expected = 2 * (truth & moved).sum() / (truth.sum() + moved.sum())
    assert table.loc[("shifted", first, "kidney_tumor"), "dice"] == pytest.approx(expected, abs=1e-6)
    summary = pd.read_csv(results / "comparison_summary.tsv", sep="\t").set_index(["method", "target", "measure"])
    assert summary.loc[("shifted", "kidney_tumor", "dice"), ["n", "left_out"]].tolist() == [1, 1]
    pairs = pd.read_csv(results / "comparison_differences.tsv", sep="\t").set_index(["method", "target", "measure"])
    assert pairs.loc[("other", "kidney_tumor", "error_ml"), ["n", "mean"]].tolist() == [2, 0]

    ends = {"summarize_comparison": 1, "compare": 1}
    assert project.planned(config, "compare") == {}
    assert project.planned(merged(config, statistics={"seed": 1}), "compare") == list_jobs(ends)
    without = merged(TINY, compare={name: config["compare"][name] for name in ("truth", "shifted")})
    assert project.planned(without, "compare") == list_jobs(ends)
    shutil.copytree(project.folder / "truth", project.folder / "again")
    again = merged(config, compare={"truth": "again"})
    assert project.planned(again, "compare") == list_jobs(ends, compare_case=2)
    assert project.planned(merged(config, compare={"shifted": labels | {"kidney": [3]}}), "compare") == list_jobs(
        ends, compare_case=2
    )
    planned = project.planned(merged(config, postprocess={"tumor_kidney_overlap": 0.9}), "compare")
    assert planned == list_jobs(ends, postprocess=2, compare_case=2)
    nib.save(nib.Nifti1Image(foreign, image.affine), shifted)
    os.utime(shifted, (0, 0))  # another file, which is older
    assert project.planned(config, "compare") == list_jobs(ends, compare_case=1)
