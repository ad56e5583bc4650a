"""Scans of a user and hidden cases: which there are, their names, and why some are refused."""

import json
import os
import re
import shutil
import zipfile

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import AFFINE, RESULTS, TINY, merged, refused, run_script, save
from helpers.dicoms import write_series
from helpers.manifests import save_networks

from kidney_tumor.data.cohort import find_hidden
from kidney_tumor.errors import UserError
from kidney_tumor.scans.folder import find_scans, holds_dicom, is_converted, list_ignored, name_scan
from kidney_tumor.scans.manifest import read_manifest, read_members


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("scan.nii.gz", "scan"),
        ("scan.nii", "scan"),
        ("a.b_1-2", "a.b_1-2"),
        ("-x.nii.gz", "x"),
        ('it\'s "my" scan.nii.gz', "it_s_my_scan"),
        ("$(rm x);.nii", "rm_x"),
        ("{case}<results>.nii", "case_results"),
        ("..nii.gz", "scan"),
        ("münchen 7.nii", "münchen_7"),
    ],
)
def test_names_are_safe(tmp_path, path, name):
    assert name_scan(tmp_path / path) == name


def test_what_is_a_scan(tmp_path):
    for name in (
        "a.nii.gz",
        "b.nii",
        ".c.nii",
        "notes.txt",
        "d e.nii",
        "d_e.nii.gz",
        "{f}.nii",
        "a\tb.nii",
        "case_00210.nii",
        "g.nrrd",
        "h.mha",
        "d_e.mhd",
    ):
        (tmp_path / name).touch()
    (tmp_path / "gone.nii").symlink_to(tmp_path / "nowhere")
    for folder, content in (("series/deep", b"x" * 128 + b"DICM"), ("texts", b"x" * 200), ("empty", b"")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1").write_bytes(content)
    scans, problems = find_scans([tmp_path], ["case_00210"])
    names = {"a": "a.nii.gz", "b": "b.nii", "series": "series", "g": "g.nrrd", "h": "h.mha"}
    assert scans == {name: tmp_path / path for name, path in names.items()}
    assert [name for name, path in scans.items() if is_converted(path)] == ["g", "h", "series"]
    assert problems == {
        "d_e": "d e.nii and d_e.mhd and d_e.nii.gz would have the same results folder; rename all but one",
        "a_b": "'a\\tb.nii' has < > { } or a control character in its name; rename it",
        "case_00210": "case_00210.nii has the name of one of KiTS19's hidden cases in data.root; rename it",
        "gone": "gone.nii is a link to nothing; put the scan there",
        "f": "{f}.nii has < > { } or a control character in its name; rename it",
    }
    assert [holds_dicom(tmp_path / name) for name in ("series", "texts", "empty")] == [True, False, False]


def test_no_scans_are_one_line(tmp_path):
    with pytest.raises(UserError, match=re.escape(f"no scan in {tmp_path}; expected files .nii.gz")):
        find_scans([tmp_path])
    with pytest.raises(UserError, match=re.escape(f"{tmp_path / 'missing'}: No such file or directory; expected")):
        find_scans([tmp_path / "missing"])
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=re.escape(f"{tmp_path / 'notes.txt'} is no scan; expected files .nii.gz")):
        find_scans([tmp_path / "notes.txt"])


def test_scans_themselves_and_folders_of_them(tmp_path):
    """A series may have folders below its own; a volume beside DICOM files makes the folder one of scans."""
    for folder in ("series", "series/more", "mixed", "study/one", "study/two"):
        write_series(tmp_path / folder, 2)
    for name in ("a.nii.gz", "mixed/b.nrrd", "series/notes.txt"):
        (tmp_path / name).touch()
    series, single, mixed, study = (tmp_path / name for name in ("series", "a.nii.gz", "mixed", "study"))
    assert find_scans([series, single, series]) == ({"series": series, "a": single}, {})
    assert find_scans([mixed, study]) == (
        {"b": mixed / "b.nrrd", "one": study / "one", "two": study / "two"},
        {},
    )
    assert [list_ignored(root) for root in (series, single)] == [[], []]
    assert list_ignored(mixed) == ["0000.dcm", "0001.dcm"]
    again = tmp_path / "again" / "a.nii.gz"
    again.parent.mkdir()
    again.touch()
    assert find_scans([single, again]) == (
        {},
        {"a": f"{single} and {again} would have the same results folder; rename all but one"},
    )


def test_hidden_cases(tmp_path):
    save(tmp_path / "case_00210" / "imaging.nii.gz", np.zeros((2, 3, 4), np.int16))
    save(tmp_path / "case_00209" / "imaging.nii.gz", np.zeros((2, 3, 4), np.int16))
    (tmp_path / "case_00211").mkdir()
    hidden = [find_hidden({"data": {"source": source}}, str(tmp_path)) for source in ("kits19", "phantom", "download")]
    assert list(hidden[0]) == ["case_00210"]
    assert hidden[1] == {}
    assert [*hidden[2]] == [f"case_{number:05d}" for number in range(210, 300)]


def read_refusal(folder):
    return json.loads((folder / "slices.json").read_text())["problem"]


@pytest.mark.slow
def test_a_scan_that_cannot_be_read_is_recorded(tmp_path):
    """The script succeeds, so that the other scans are segmented."""
    save(tmp_path / "one.nii.gz", np.zeros((1, 8, 8), np.int16))
    (tmp_path / "text.nii.gz").write_text("hello")
    for name, says in (("one", "has one slice"), ("text", "is not a NIfTI file"), ("no", "is missing")):
        result = run_script("read_scan", "--scan", tmp_path / f"{name}.nii.gz", "--output", tmp_path / "out" / name)
        assert result.returncode == 0
        assert says in read_refusal(tmp_path / "out" / name)
        assert result.stderr.splitlines() == [f"refused: {read_refusal(tmp_path / 'out' / name)}"]
    records = [tmp_path / "out" / name / "slices.json" for name in ("one", "text", "no")]
    result = run_script(
        "sort_scans", "--descriptions", *records, "--unusable", "z", "two of them", "--output", tmp_path / "scans.tsv"
    )
    assert result.returncode == 0, result.stderr
    table = pd.read_csv(tmp_path / "scans.tsv", sep="\t").set_index("scan")["problem"]
    assert table.index.tolist() == ["no", "one", "text", "z"]
    assert table["z"] == "two of them"
    result = run_script("predict", "--slices", tmp_path / "out", "--cases", "../one", "--output", tmp_path)
    assert "'../one' is not the name of a case or a scan" in result.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 1}, "has format 1, but this version of the workflow reads 2; use the version .*commit abc"),
        (
            {"sha256": {}},
            "kidney.safetensors, tumor.safetensors, ratio_range.json is not the file of which model.json speaks",
        ),
        ({}, ""),
    ],
)
def test_networks_of_which_the_manifest_is_not_true_are_refused(tmp_path, change, says):
    content = save_networks(tmp_path / "networks", **change)
    if says:
        with pytest.raises(UserError, match=f"^scans.models: .*{says}"):
            read_manifest(tmp_path / "networks")
    else:
        assert read_manifest(tmp_path / "networks") == content


def test_networks_of_an_ensemble_are_alike(tmp_path):
    contents = [save_networks(tmp_path / name, **change) for name, change in (("a", {}), ("b", {"commit": "def"}))]
    assert read_members([tmp_path / "a", tmp_path / "b"]) == contents
    with pytest.raises(UserError, match=r"scans.models: .* is named more than once; name each folder once"):
        read_members([tmp_path / "a", tmp_path / "b", tmp_path / "b" / ".." / "a"])
    for change in ({"size": 64}, {"tumor_rows": "lower_half"}):
        ((key, value),) = change.items()
        save_networks(tmp_path / key, **change)
        with pytest.raises(UserError, match=f"{key} has networks for {key} {value}, .*/a for {contents[0][key]}; an"):
            read_members([tmp_path / "a", tmp_path / key])


def test_what_was_left_out_is_a_warning(tmp_path):
    """What the conversion of a scan leaves out stands in the table with its measures."""
    write_series(tmp_path / "study" / "thin", 5)
    write_series(
        tmp_path / "study" / "report", 1, series=77, change=lambda header, n: setattr(header, "Modality", "SR")
    )
    out = tmp_path / "scans" / "study"
    words = ["--scan", tmp_path / "study", "--image", out / "imaging.nii.gz", "--size", 16, "--output", out]
    note = "its CT is series 2; left out beside it: 1 SR (series 77)"
    assert run_script("read_scan", *words).stdout == f"study: 5 slices; {note}\n"
    image = nib.load(out / "imaging.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine), out / "segmentation.nii.gz")
    ranges = [[0, 9999]] * 7
    names = ("slice_mm", "height_mm", "width_mm", "hu_low", "hu_middle", "hu_high", "kidney_ml")
    manifest = {"cohort": dict(zip(names, ranges, strict=True)), "source": "kits19"}
    manifest["sha256"] = {"kidney.safetensors": "0" * 64, "tumor.safetensors": "1" * 64}
    (tmp_path / "model.json").write_text(json.dumps(manifest))
    words = ["--slices", out, "--segmentation", out / "segmentation.nii.gz", "--manifest", tmp_path / "model.json"]
    result = run_script("measure_scan", *words, "--output", tmp_path / "measures.tsv")
    assert result.returncode == 0, result.stderr
    assert pd.read_csv(tmp_path / "measures.tsv", sep="\t")["warnings"][0].split(" | ")[0] == note


@pytest.mark.slow
def test_a_submission_needs_all_hidden_cases(finished, project):
    cohort = project.folder / "cohort"
    shutil.copytree(finished.folder / RESULTS / "cohort", cohort)
    config = merged(TINY, run="own", data={"source": "kits19", "root": "cohort"})
    for number in range(210, 300):
        if number not in (215, 216):
            (cohort / f"case_{number:05d}").mkdir()
            os.link(cohort / "case_00001" / "imaging.nii.gz", cohort / f"case_{number:05d}" / "imaging.nii.gz")
    line = refused(project.snakemake(config, "submission", "--dry-run"))
    assert "data.root: cohort has no image of case_00215 to case_00216, and the challenge takes all 90" in line
    for number in (215, 216):
        shutil.copytree(cohort / "case_00210", cohort / f"case_{number:05d}")
    planned = project.planned(config, "submission")
    assert {planned[rule] for rule in ("read_scan", "predict_scan", "postprocess_scan")} == {90}
    assert planned["pack_submission"] == 1
    # The networks that come with the workflow are for scans; the challenge gets those of this run.
    assert planned["train"] == 2
    assert project.planned(merged(config, scans={"models": "synthetic"}), "submission") == planned
    assert planned["extract_slices"] == 3  # of the training cases only


def test_a_submission_holds_each_prediction(tmp_path):
    names = ["case_00210", "case_00299"]
    for number, name in enumerate(names):
        save(tmp_path / name / "segmentation.nii.gz", np.full((2, 3, 4), number, np.uint8))
    paths = [tmp_path / name / "segmentation.nii.gz" for name in names]
    for archive in ("a.zip", "b.zip"):
        result = run_script("pack_submission", "--segmentations", *paths, "--output", tmp_path / archive)
        assert result.returncode == 0, result.stderr
        for path in paths:
            os.utime(path, (0, 0))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert packed.namelist() == ["prediction_00210.nii.gz", "prediction_00299.nii.gz"]
        assert packed.read("prediction_00299.nii.gz") == paths[1].read_bytes()


def test_endings_in_capitals_are_endings(tmp_path):
    """As on discs of old systems and cameras: the content decides how a file is read."""
    for name in ("B.NII.GZ", "c.Nii", "d.NRRD", "e.MHA"):
        (tmp_path / name).touch()
    found, problems = find_scans([tmp_path])
    assert {name: path.name for name, path in found.items()} == {
        "B": "B.NII.GZ", "c": "c.Nii", "d": "d.NRRD", "e": "e.MHA",
    }  # fmt: skip
    assert problems == {}
    assert list_ignored(tmp_path) == []
    volume = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    nib.save(nib.Nifti1Image(volume, AFFINE), tmp_path / "b.nii.gz")
    (tmp_path / "b.nii.gz").rename(tmp_path / "B.NII.GZ")
    result = run_script("read_scan", f"--scan={tmp_path / 'B.NII.GZ'}", "--size", 8, "--output", tmp_path / "out" / "B")
    assert result.stdout == "B: 3 slices\n", result.stderr
