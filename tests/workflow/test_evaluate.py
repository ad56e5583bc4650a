"""Predictions against labels end to end: two folders of the user, without a cohort, an image or a network."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import errors, list_jobs, refused, save

from kidney_tumor.data import methods

pytestmark = pytest.mark.slow


def read_table(project, name):
    return pd.read_csv(project.folder / "results" / "mine" / f"{name}.tsv", sep="\t")


def draw(shift=0):
    """A label of 8 x 30 x 40 voxels of 3 x 0.75 x 0.75 mm: a kidney with a tumor, moved along the columns."""
    label = np.zeros((8, 30, 40), np.uint8)
    label[1:7, 5:25, 5 + shift : 25 + shift] = 1
    label[2:6, 10:20, 10 + shift : 20 + shift] = 2
    return label


@pytest.fixture
def folders(project):
    """Labels of four cases, one of them named oddly, and the predictions of two methods."""
    for number, case in enumerate(("patient 12", "b(1)", "c", "d")):
        save(project.folder / "labels" / f"{case}.nii.gz", draw())
        if case != "d":
            save(project.folder / "nnunet" / case / "segmentation.nii.gz", draw(number))
            foreign = np.choose(draw(), [0, 3, 7]).astype(np.uint8)
            save(project.folder / "other" / f"{case}_0000.nii.gz", foreign)
    save(project.folder / "nnunet" / "e" / "segmentation.nii.gz", draw())
    save(project.folder / "other" / "d.nii.gz", draw()[:5])
    for case, organs in (("b(1)", ("kidney_left", "kidney_right")), ("c", ("kidney_left",))):
        for organ in organs:
            save(project.folder / "organs" / case / f"{organ}.nii.gz", (draw() == 1).astype(np.uint8))
        save(project.folder / "organs" / case / "mass.nii.gz", (draw(2) == 2).astype(np.uint8))
    return {
        "truth": "labels",
        "predictions": {
            "nnunet": "nnunet",
            "other": {"folder": "other", "kidney": [3], "tumor": [7]},
            "organs": {"folder": "organs", "tumor": ["mass"]},
        },
    }


def test_two_methods_end_to_end_and_only_what_changes_runs_again(project, folders):
    config = {"run": "mine", "evaluate": folders}
    result = project.snakemake(config, "evaluate")
    assert result.returncode == 0, result.stdout
    for says in (
        "\nnnunet  kidney + tumor  3      0.9500 [",
        "\nlabels: labels, 4 cases\n",
        "nnunet: 3 of 3 tumors found (100% [29%, 100%]) in 3 cases, 0.00 [0.00, 1.23] false ones per case",
        "other minus nnunet: Dice of tumor, mean +0.100 [",
        "warning: nnunet: 1 of 4 cases are left out, no prediction: d",
        "warning: nnunet: there is no label for 1 of its cases: e",
        "warning: organs: 2 of 4 cases are left out, no prediction: d, patient 12",
        "warning: organs: no file of kidney_right, which counts as not found: c",
        "warning: other: d is left out: other/d.nii.gz has shape (5, 30, 40), but labels/d.nii.gz has (8, 30, 40)",
    ):
        assert says in result.stdout, says
    table = read_table(project, "evaluation").set_index(["method", "case", "target"]).sort_index()
    assert len(table) == 3 * 4 * 2
    assert table.loc[("organs", "c", "tumor"), "dice"] == pytest.approx(0.8)
    assert table.loc[("organs", "c", "kidney_tumor"), "dice"] == pytest.approx(2 * 2320 / (2400 + 2320), abs=1e-6)
    assert table.loc[("organs", "c", "tumor"), "absent"] == "kidney_right"
    for number, case in enumerate(("patient 12", "b(1)", "c")):
        moved, same = table.loc[("nnunet", case)], table.loc[("other", case)]
        assert moved["dice"].tolist() == pytest.approx([1 - number / 20, 1 - number / 10])
        assert moved["hd95_mm"].tolist() == pytest.approx([number * 0.75] * 2)
        assert moved["error_ml"].tolist() == [0, 0]
        assert same["dice"].tolist() == same["surface_dice"].tolist() == [1, 1]
    assert table.loc[("other", "d", "tumor"), "problem"].startswith("other/d.nii.gz has shape")
    assert table.loc[("nnunet", "d", "tumor"), "problem"] == "no prediction"
    summary = read_table(project, "evaluation_summary").set_index(["method", "target", "measure"])
    assert summary.loc[("nnunet", "tumor", "dice"), ["n", "left_out"]].tolist() == [3, 1]
    pairs = read_table(project, "evaluation_differences").set_index(["method", "target", "measure"])
    assert list(pairs.index.get_level_values("method").unique()) == ["organs", "other"]  # as the file is written
    assert pairs.loc[("other", "tumor", "dice"), ["n", "mean"]].tolist() == pytest.approx([3, 0.1])
    assert set(read_table(project, "evaluation_lesions")["status"]) == {"found"}
    detection = read_table(project, "evaluation_detection").set_index("method")
    assert detection.loc["other", ["cases", "lesions", "found", "false"]].tolist() == [3, 3, 3, 0]
    for name in ("evaluation.png", "evaluation.svg", "evaluation_worst.png"):
        assert (project.folder / "results" / "mine" / "figures" / name).exists()

    ends = {"summarize_evaluation": 1, "evaluate": 1}
    again = project.snakemake(config, "evaluate")
    assert project.planned(config, "evaluate") == {"evaluate": 1, "total": 1}
    shown = (project.folder / "results/mine/evaluation.txt").read_text()
    assert shown in again.stdout
    assert shown in result.stdout
    assert project.planned(config | {"statistics": {"seed": 1}}, "evaluate") == list_jobs(ends)
    for key, value in (("both_empty", "one"), ("kidney_tolerance_mm", 2), ("tumor_tolerance_mm", 2)):
        changed = config | {"evaluate": folders | {key: value}}
        assert project.planned(changed, "evaluate") == list_jobs(ends, evaluate_case=9), key
    relabeled = folders["predictions"] | {"other": {"folder": "other", "kidney": [3, 7], "tumor": []}}
    changed = config | {"evaluate": folders | {"predictions": relabeled}}
    assert project.planned(changed, "evaluate") == list_jobs(ends, evaluate_case=4)
    alone = config | {"evaluate": folders | {"predictions": {"nnunet": "nnunet"}}}
    assert project.planned(alone, "evaluate") == list_jobs(ends)
    path = save(project.folder / "nnunet" / "c" / "segmentation.nii.gz", draw())
    os.utime(path, (0, 0))  # another file, which is older
    assert project.planned(config, "evaluate") == list_jobs(ends, evaluate_case=1)
    save(project.folder / "nnunet" / "d" / "segmentation.nii.gz", draw())
    assert project.planned(config, "evaluate") == list_jobs(ends, evaluate_case=2)
    result = project.snakemake(alone, "evaluate")
    assert result.returncode == 0, result.stdout
    assert len(read_table(project, "evaluation_differences")) == 0
    report = project.snakemake(alone, "evaluate", "--report", "evaluate.html")
    assert report.returncode == 0, report.stdout
    page = (project.folder / "evaluate.html").read_text()
    assert "evaluation_worst.png" in page
    assert "10. Evaluation" in page


def test_labels_of_all_folders_are_named_once(project):
    """A kidney of 400 voxels with a cyst (3) of 60 and a tumor (2) of 40, and its prediction without the cyst."""
    label = np.zeros((5, 20, 30), np.uint8)
    label[:, 5:15, 5:15] = 1
    label[:, 5:9, 5:8], label[:, 10:12, 10:14] = 3, 2
    save(project.folder / "kits23" / "a.nii.gz", label)
    save(project.folder / "predicted" / "a.nii.gz", np.where(label == 3, 0, label).astype(np.uint8))
    own = np.choose(label, [0, 7, 9, 7]).astype(np.uint8)
    save(project.folder / "own" / "a.nii.gz", own)
    named = {"own": {"folder": "own", "kidney": [7], "tumor": [9]}, "predicted": "predicted"}
    section = {"truth": "kits23", "predictions": named}
    refusal = project.snakemake({"run": "mine", "evaluate": section}, "evaluate")
    line = "warning: own: a is left out: kits23/a.nii.gz holds labels 3; expected 0, 1 and 2 only; correct the file"
    assert line in refusal.stdout
    config = {"run": "mine", "evaluate": section | {"labels": {"kidney": [1, 3], "tumor": [2]}}}
    result = project.snakemake(config, "evaluate")
    assert result.returncode == 0, result.stdout
    dice = read_table(project, "evaluation").set_index(["method", "target"])["dice"]
    assert dice["own"].tolist() == [1, 1]
    assert dice["predicted", "tumor"] == 1
    assert dice["predicted", "kidney_tumor"] == pytest.approx(2 * 440 / (440 + 500))


def test_what_is_missing_is_one_line(project, folders):
    line = refused(project.snakemake({"run": "mine"}, "evaluate", "--dry-run"))
    assert line.startswith("error: evaluate: name the folder of the labels and those of the predictions: --config")

    def refuse(**changes):
        return project.snakemake({"run": "mine", "evaluate": folders | changes}, "evaluate", "--dry-run")

    assert refused(refuse(truth="nowhere")) == "error: evaluate.truth: there is no folder nowhere"
    both = refuse(truth="nowhere", predictions={"a": "neither", "b": "nnunet"})
    assert errors(both.stdout)[1:] == ["error: evaluate.predictions.a: there is no folder neither"]
    (project.folder / "empty").mkdir()
    assert refused(refuse(truth="empty")).startswith(
        "error: evaluate.truth: there is no case: no segmentation in empty; looked for segmentations/<case>.nii.gz"
    )
    none = refused(refuse(predictions={"a": "empty"}))
    assert none.startswith("error: evaluate.predictions.a: none of 4 cases can be used; b(1): no segmentation in empty")
    shutil.copytree(project.folder / "nnunet" / "e", project.folder / "wrong" / "e")
    assert refused(refuse(predictions={"a": "wrong"})).endswith("; it has e")
    typo = {"folder": "organs", "tumor": ["mas"]}
    line = refused(refuse(predictions={"a": typo}))
    assert line == "error: evaluate.predictions.a: no case has a file mas.nii.gz; correct the name or take it out"
    mixed = {"folder": "nnunet", "kidney": [1], "tumor": [1]}
    line = refused(refuse(predictions={"a": mixed}))
    assert line == "error: config: evaluate.predictions.a: 1 is both kidney and tumor; name each once"
    result = project.snakemake({"run": "mine", "evaluate": {"truth": "nowhere"}}, "ratio_range", "--dry-run")
    assert "nowhere" not in result.stdout  # who does not ask for it is not stopped
    assert methods.list_cases(methods.parse_method("nowhere")) == {}
