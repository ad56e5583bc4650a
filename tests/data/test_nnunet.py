"""The dataset for nnU-Net: its form, what is linked and what is written anew, and that nnU-Net itself takes it."""

import errno
import gzip
import hashlib
import json
import os
import shutil
import struct
import subprocess

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE, RESULTS, SHARED, TINY, merged, run_script, turn

from kidney_tumor.data.nnunet import link_cases, link_file
from kidney_tumor.errors import UserError

MINI = SHARED / "kits19-mini"
CASES = [f"case_{number:05d}" for number in range(6)]
LINKED = CASES[0]


@pytest.fixture
def cohort(tmp_path, rng):
    """A cohort whose first label fits its image; of the others one thing is odd each. Also the labels, as they mean."""
    root, labels = tmp_path / "cohort", {}
    odd = dict(zip(CASES, ("nothing", "float", "scaled", "spacing", "place", "axes"), strict=True))
    for case, what in odd.items():
        label = rng.integers(0, 3, (4, 6, 5)).astype(np.uint8)
        image = nib.Nifti1Image(rng.integers(-100, 200, label.shape).astype(np.int16), AFFINE)
        affine = AFFINE.copy()
        if what == "spacing":
            affine[:3, :3] *= 1.001
        if what == "place":
            affine[:3, 3] += 0.3
        stored = nib.Nifti1Image(label.astype(float) if what == "float" else label, affine)
        if what == "scaled":
            stored = nib.Nifti1Image(label * np.uint8(2), affine)
        if what == "axes":
            image = turn(image, "RAS")
        (root / case).mkdir(parents=True)
        nib.save(image, root / case / "imaging.nii.gz")
        nib.save(stored, root / case / "segmentation.nii.gz")
        if what == "scaled":  # nibabel writes no slope of one's own
            content = bytearray(gzip.decompress((root / case / "segmentation.nii.gz").read_bytes()))
            content[112:116] = struct.pack("<f", 0.5)
            (root / case / "segmentation.nii.gz").write_bytes(gzip.compress(content))
        labels[case] = label
    return root, labels


def stamp(folder):
    """The content and the time of each file."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path: (hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns) for path in files}


def paths_of(folder, case):
    return folder / "imagesTr" / f"{case}_0000.nii.gz", folder / "labelsTr" / f"{case}.nii.gz"


def test_labels_are_written_anew_only_where_they_do_not_fit(cohort, tmp_path):
    root, labels = cohort
    before = stamp(root)
    assert link_cases(root, CASES, tmp_path / "set", "toys") == 5
    assert stamp(root) == before
    for case in CASES:
        image, label = paths_of(tmp_path / "set", case)
        assert image.samefile(root / case / "imaging.nii.gz")
        assert label.samefile(root / case / "segmentation.nii.gz") == (case == LINKED)
        shown, truth = nib.load(image), nib.load(label)
        np.testing.assert_allclose(truth.affine, shown.affine)
        np.testing.assert_allclose(truth.header.get_zooms(), shown.header.get_zooms())
        assert truth.get_data_dtype() == np.uint8
        voxels = np.asarray(turn(truth, "IPL").dataobj)  # the axes in which the labels were made
        np.testing.assert_array_equal(voxels, labels[case])
    content = json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert content["channel_names"] == {"0": "CT"}
    assert content["labels"] == {"background": 0, "kidney": 1, "tumor": 2}
    assert (content["numTraining"], content["file_ending"]) == (6, ".nii.gz")
    assert content["description"] == "toys"


def test_again_it_changes_nothing_but_what_changed(cohort, tmp_path):
    root, labels = cohort
    link_cases(root, CASES, tmp_path / "set", "")
    image, label = paths_of(tmp_path / "set", LINKED)
    linked, inode = label.read_bytes(), image.stat().st_ino
    (image.parent / ".partial.case_00009_0000.nii.gz").write_bytes(b"of a killed job")
    source = root / LINKED / "segmentation.nii.gz"
    source.unlink()
    nib.save(nib.Nifti1Image(labels[CASES[1]], AFFINE), source)
    link_cases(root, CASES[:2], tmp_path / "set", "")
    assert image.stat().st_ino == inode
    assert label.samefile(source)
    assert label.read_bytes() != linked
    for path in (image, label):
        assert len(list(path.parent.iterdir())) == 2
    assert json.loads((tmp_path / "set" / "dataset.json").read_text())["numTraining"] == 2


def test_a_bad_case_leaves_no_dataset(cohort, tmp_path):
    root, _ = cohort
    link_cases(root, CASES, tmp_path / "set", "")
    nib.save(nib.Nifti1Image(np.zeros((4, 6, 9), np.uint8), AFFINE), root / CASES[3] / "segmentation.nii.gz")
    with pytest.raises(UserError, match=r"case_00003.*has shape \(4, 6, 9\), but .*imaging.nii.gz has \(4, 6, 5\)"):
        link_cases(root, CASES, tmp_path / "set", "")
    assert not (tmp_path / "set" / "dataset.json").exists()


@pytest.mark.parametrize(("refused", "is_link"), [({"link"}, True), ({"link", "symlink"}, False)])
def test_where_no_link_can_be_the_next_best_is_made(tmp_path, monkeypatch, refused, is_link):
    def refuse(source, target):
        raise OSError(errno.EXDEV, "another file system")

    (tmp_path / "source").write_bytes(b"voxels")
    (tmp_path / "alias").symlink_to("source")
    for name in refused:
        monkeypatch.setattr(os, name, refuse)
    link_file(tmp_path / "alias", tmp_path / "set" / "target")
    target = tmp_path / "set" / "target"
    assert target.is_symlink() == is_link
    assert target.samefile(tmp_path / "source") == is_link
    assert target.read_bytes() == b"voxels"
    assert len(list(target.parent.iterdir())) == 1


def test_each_split_is_a_fold(tmp_path):
    rows = {1: ("train", "test", "train"), 2: ("test", "train", "test")}
    for number, parts in rows.items():
        (tmp_path / f"split_{number}").mkdir()
        lines = "".join(f"case_0000{case}\t{part}\n" for case, part in enumerate(parts))
        (tmp_path / f"split_{number}" / "split.tsv").write_text(f"case\tsubset\n{lines}")
    places = [tmp_path / place / "splits_final.json" for place in ("raw", "preprocessed")]
    tables = [tmp_path / f"split_{number}" / "split.tsv" for number in rows]
    result = run_script("write_nnunet_splits", "--splits", *tables, "--output", *places)
    assert result.returncode == 0, result.stderr
    for path in places:
        assert json.loads(path.read_text()) == [
            {"train": ["case_00000", "case_00002"], "val": ["case_00001"]},
            {"train": ["case_00001"], "val": ["case_00000", "case_00002"]},
        ]


@pytest.mark.slow
def test_the_target_leaves_the_cohort_alone_and_another_split_links_nothing(finished, copy_of):
    project = copy_of(finished)
    before = stamp(project.folder / RESULTS / "cohort")
    result = project.snakemake(TINY, "nnunet_dataset")
    assert result.returncode == 0, result.stdout
    assert stamp(project.folder / RESULTS / "cohort") == before
    assert project.planned(TINY, "nnunet_dataset") == {}
    assert project.planned(TINY) == {}
    raw = project.folder / RESULTS / "nnunet" / "nnUNet_raw" / "Dataset719_KidneyTumor"
    lines = [line.split("\t") for line in (project.folder / RESULTS / "split.tsv").read_text().splitlines()[1:]]
    parts = {name: [case for case, part in lines if part == name] for name in ("train", "test")}
    assert json.loads((raw / "splits_final.json").read_text()) == [{"train": parts["train"], "val": parts["test"]}]
    assert {path.name for path in (raw / "labelsTr").iterdir()} == {f"{case}.nii.gz" for case, _ in lines}
    planned = project.planned(merged(TINY, split={"seed": 1}), "nnunet_dataset")
    assert planned == {"split_cases": 1, "write_nnunet_splits": 1, "nnunet_dataset": 1, "total": 3}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nnUNetv2_plan_and_preprocess"), reason="no nnU-Net (envs/nnunet.txt)")
def test_nnunet_takes_labels_that_were_written_anew(cohort, tmp_path):
    root, _ = cohort
    link_cases(root, CASES, tmp_path / "nnUNet_raw" / "Dataset719_KidneyTumor", "")
    assert "verify_dataset_integrity Done" in verify(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nnUNetv2_plan_and_preprocess"), reason="no nnU-Net (envs/nnunet.txt)")
@pytest.mark.skipif(not MINI.is_dir(), reason="no kits19-mini beside the repository")
def test_nnunet_takes_real_slices(tmp_path):
    cases = ["case_00025", "case_00047", "case_00151", "case_00160"]
    link_cases(MINI, cases, tmp_path / "nnUNet_raw" / "Dataset719_KidneyTumor", "")
    assert "verify_dataset_integrity Done" in verify(tmp_path)


def verify(folder):
    """Let nnU-Net check the dataset of a folder and plan for it; return what it says."""
    places = {name: str(folder / name) for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
    words = ["-d", "719", "--verify_dataset_integrity", "--no_pp", "-npfp", "1"]
    result = subprocess.run(
        ["nnUNetv2_plan_and_preprocess", *words], env=os.environ | places, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Error" not in result.stdout
    assert "Warning" not in result.stdout
    return result.stdout
