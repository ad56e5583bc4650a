"""Scans of a user as `segment` treats them: in any orientation, with any name, with networks from elsewhere."""

import gzip
import json
import os
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import AFFINE, RESULTS, ROOT, SHARED, TINY, errors, merged, refused, run_script, save, turn
from helpers.dicoms import write_series
from helpers.filters import box
from helpers.manifests import save_networks
from helpers.warm import run_snakemake

from kidney_tumor.analysis.scoring import compute_dice
from kidney_tumor.data.targets import NETWORKS
from kidney_tumor.phantom.volumes import write_case
from kidney_tumor.scans.manifest import read_manifest
from kidney_tumor.volumes.masks import read_label_masks

EIGHT = ["IPL", "SPL", "IAL", "IPR", "RAS", "LAS", "PLI", "ASR"]
"""Flips and permutations of the axes, those of KiTS19's files first."""
SYNTHETIC = ROOT / "workflow" / "resources" / "models" / "synthetic"
SEGMENTATION = Path("results", "away", "scans", "a", "segmentation.nii.gz")
REAL = SHARED / "real-ct" / "ct_3mm_ras.nii.gz"


def first_case(finished):
    return finished.folder / RESULTS / "cohort" / "case_00001" / "imaging.nii.gz"


@pytest.mark.slow
@pytest.mark.parametrize("source", ["phantom", "real"])
def test_eight_orientations_give_the_same_masks(finished, tmp_path, source):
    if source == "real" and not REAL.exists():
        pytest.skip("no real-ct beside the repository")
    image = nib.load(first_case(finished) if source == "phantom" else REAL)
    models, slices, masks = finished.folder / RESULTS / "models", tmp_path / "slices", tmp_path / "masks"
    for codes in EIGHT:
        nib.save(turn(image, codes), tmp_path / f"{codes}.nii.gz")
        scan = ["--scan", tmp_path / f"{codes}.nii.gz", "--size", 32, "--output", slices / codes]
        assert run_script("read_scan", *scan).returncode == 0
    networks = [
        "--kidney-model",
        models / "kidney.safetensors",
        "--tumor-model",
        models / "tumor.safetensors",
        "--device",
        "cpu",
    ]
    result = run_script("predict", "--slices", slices, "--cases", *EIGHT, "--output", masks, *networks)
    assert result.returncode == 0, result.stderr
    expected = {}
    for codes in EIGHT:
        names = ("kidney", "tumor", "segmentation")
        kidney, tumor, segmentation = (masks / codes / f"{name}.nii.gz" for name in names)
        ratios = ["--ratio-range", models / "ratio_range.json", "--output", segmentation]
        assert run_script("postprocess", "--kidney", kidney, "--tumor", tumor, *ratios).returncode == 0
        scan = nib.load(tmp_path / f"{codes}.nii.gz")
        for name, path in zip(names, (kidney, tumor, segmentation), strict=True):
            mask = nib.load(path)
            assert mask.shape == scan.shape
            np.testing.assert_array_equal(mask.affine, scan.affine)
            voxels = turn(mask, "IPL").get_fdata()
            np.testing.assert_array_equal(voxels, expected.setdefault(name, voxels))
    assert expected["kidney"].any()


HOSTILE = {
    "empty": "is empty",
    "flat": "has shape (4, 5); expected one volume with three axes",
    "four": "has shape (4, 5, 6, 2); expected one volume with three axes",
    "gapped": "has slices at varying distances, from 3 to 6 mm",
    "gone": "gone.nii.gz is a link to nothing; put the scan there",
    "huge": "cannot hold the shape (1024, 1024, 2048)",
    "one": "has one slice",
    "place": "{place}.nii has < > { } or a control character in its name; rename it",
    "text": "is not a NIfTI file",
    "twice_a": "twice a.nii.gz and twice_a.nii would have the same results folder",
}
"""Scans that cannot be segmented, by their names, and what is said of them."""


def skip(header, number):
    """Move the slices from the sixth one on by another slice, as if one were missing."""
    if number > 5:
        header.ImagePositionPatient[2] += 3


def fill_folder(folder, image):
    """A folder with all of `HOSTILE` and five good scans, three of them with odd names."""
    folder.mkdir()
    whole = np.zeros((4, 5, 6), np.int16)
    nib.save(nib.Nifti1Image(whole[..., 0], AFFINE), folder / "flat.nii.gz")
    nib.save(nib.Nifti1Image(np.stack([whole, whole], 3), AFFINE), folder / "four.nii.gz")
    nib.save(image.slicer[:1], folder / "one.nii.gz")
    (folder / "empty.nii.gz").touch()
    (folder / "text.nii.gz").write_text("hello\n")
    huge = nib.Nifti1Image(whole, AFFINE)
    content = bytearray(huge.to_bytes())
    content[42:48] = np.array([1024, 1024, 2048], "<i2").tobytes()
    (folder / "huge.nii.gz").write_bytes(gzip.compress(bytes(content)))
    nib.save(image, folder / "twice a.nii.gz")
    nib.save(image, folder / "twice_a.nii")
    nib.save(turn(image, "RAS"), folder / 'it\'s "odd".nii.gz')
    nib.save(image, folder / "{place}.nii")
    nib.save(image, folder / "001.nii")
    (folder / "gone.nii.gz").symlink_to("nowhere")
    write_series(folder / "series", 12)
    write_series(folder / "gapped", 12, change=skip)
    nib.save(image, folder / "-dash.nii")
    rescaled = (np.asarray(image.dataobj) * 0.1 + 100).astype(np.int16)
    nib.save(nib.Nifti1Image(rescaled, image.affine), folder / "mr.nii.gz")


@pytest.mark.slow
def test_a_folder_of_scans(finished, copy_of):
    """The good ones are segmented in one command, and each of the others is one line at its end."""
    project = copy_of(finished)
    image = nib.load(first_case(finished))
    fill_folder(project.folder / "my scans", image)
    config = merged(TINY, scans={"root": "my scans"})
    result = project.snakemake(config, "segment")
    assert result.returncode == 1
    lines = errors(result.stdout)
    assert [line.split(":")[1].strip() for line in lines] == list(HOSTILE)
    for line, says in zip(lines, HOSTILE.values(), strict=True):
        assert says in line
    folder = project.folder / RESULTS / "scans"
    table = pd.read_csv(project.folder / RESULTS / "scans.tsv", sep="\t", dtype={"scan": str}).set_index("scan")
    assert set(table.index) == {*HOSTILE, "001", "dash", "it_s_odd", "mr", "series"}
    assert table.loc[list(HOSTILE), "problem"].notna().all()
    names = ["candidates.tsv", "images.npy", "kidney.nii.gz", "measures.tsv", "segmentation.nii.gz", "slices.json"]
    for name in ("001", "dash", "it_s_odd", "mr"):
        assert str(Path(RESULTS, "scans", name, "view.html")) in result.stdout
        assert sorted(path.name for path in (folder / name).iterdir()) == [
            *names,
            "thumbnail.png",
            "tumor.nii.gz",
            "view.html",
        ]
    assert sorted(path.name for path in (folder / "gapped").iterdir()) == ["images.npy", "slices.json"]
    image_of_series = nib.load(folder / "series" / "imaging.nii.gz")
    segmented = nib.load(folder / "series" / "segmentation.nii.gz")
    assert segmented.shape == image_of_series.shape
    np.testing.assert_array_equal(segmented.affine, image_of_series.affine)
    for path in filter(Path.is_file, (project.folder / "results").rglob("*")):  # no name of the DICOM header
        content = path.read_bytes()
        assert b"ZEBRA" not in content, path
        assert b"ZEBRA" not in (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else b""), path
    masks = [nib.load(folder / name / "segmentation.nii.gz") for name in ("dash", "it_s_odd")]
    np.testing.assert_array_equal(masks[0].affine, image.affine)
    odd = nib.load(next((project.folder / "my scans").glob("it*")))
    np.testing.assert_array_equal(masks[1].affine, odd.affine)
    np.testing.assert_array_equal(masks[0].get_fdata(), turn(masks[1], "IPL").get_fdata())
    assert "do not look like HU" in table.loc["mr", "warnings"]
    assert "warning: mr: its values do not look like HU" in result.stdout
    assert "do not look like HU" in (folder / "mr" / "view.html").read_text()
    voxel = np.prod(nib.affines.voxel_sizes(image.affine)) / 1000
    found = np.count_nonzero(masks[0].get_fdata() == 1) * voxel
    assert table.loc["dash", "kidney_ml"] == pytest.approx(found, rel=1e-4)
    candidates = pd.read_csv(folder / "dash" / "candidates.tsv", sep="\t")
    raw = np.count_nonzero(nib.load(folder / "dash" / "tumor.nii.gz").get_fdata())
    assert candidates["voxels"].sum() >= raw  # holes are filled before
    # Nothing is done twice; a new scan does nothing to the others; a threshold filters again and predicts nothing.
    assert project.planned(config, "segment") == {"segment": 1, "total": 1}
    stamp = (project.folder / "my scans" / "-dash.nii").stat()
    shutil.copy(project.folder / "my scans" / "-dash.nii", project.folder / "my scans" / "new.nii")
    added = project.planned(config, "segment")
    assert added == {
        "read_scan": 1,
        "sort_scans": 1,
        "summarize_scans": 1,
        "write_overview": 1,
        "segment": 1,
        "total": 5,
    }
    (project.folder / "my scans" / "new.nii").unlink()
    os.utime(project.folder / "my scans" / "-dash.nii", (0, 0))  # another file, and older than the results
    assert project.planned(config, "segment")["read_scan"] == 1
    os.utime(project.folder / "my scans" / "-dash.nii", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    shutil.copy(
        next((project.folder / "my scans" / "series").iterdir()), project.folder / "my scans" / "series" / "x.dcm"
    )
    assert project.planned(config, "segment")["convert_scan"] == 1
    (project.folder / "my scans" / "series" / "x.dcm").unlink()
    again = {
        "postprocess_scan": 5,
        "measure_scan": 5,
        "write_viewer_scan": 5,
        "summarize_scans": 1,
        "write_overview": 1,
        "segment": 1,
    }
    changed = merged(config, postprocess={"tumor_kidney_overlap": 0.9})
    assert project.planned(changed, "segment") == again | {"total": 18}


@pytest.mark.slow
def test_networks_from_another_machine(finished, project):
    """The folder of the networks is all that is needed; it is refused where it is not whole."""
    shutil.copytree(finished.folder / RESULTS / "models", project.folder / "networks")
    (project.folder / "scans").mkdir()
    shutil.copy(first_case(finished), project.folder / "scans" / "a.nii.gz")
    has_gpu = torch.cuda.is_available()
    config = {"run": "away", "device": "cpu" if has_gpu else "auto", "cpu_threads": 1, "precision": "float32"}
    config |= {"scans": {"root": "scans", "models": "networks/"}}
    result = project.snakemake(config, "segment")
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("No GPU found") == (not has_gpu)
    here = project.folder / "results" / "away" / "scans" / "a"
    there = finished.folder / RESULTS / "predictions" / "case_00001"
    for name in ("kidney", "tumor"):
        masks = [nib.load(folder / f"{name}.nii.gz").get_fdata() for folder in (here, there)]
        np.testing.assert_array_equal(*masks)
    for threshold in (0.4, 0.5):  # the scans are read already, so that their predictions are planned at once
        result = project.snakemake(merged(config, inference={"threshold": threshold}), "segment")
        assert result.returncode == 0, result.stdout
        assert result.stdout.count("No GPU found") == (not has_gpu)
    assert "No GPU found" not in project.snakemake(config, "segment").stdout
    shutil.copytree(project.folder / "networks", project.folder / "more")
    ensemble = merged(config, scans={"models": ["networks", "more"]})
    twice = merged(config, scans={"models": ["networks", "more/../networks/"]})
    line = refused(project.snakemake(twice, "segment", "--dry-run"))
    assert line == "error: scans.models: networks is named more than once; name each folder once"
    assert project.planned(ensemble, here.relative_to(project.folder) / "kidney.nii.gz")["predict_scan"] == 1
    other = project.folder / "more" / "model.json"
    described = json.loads(other.read_text())
    wide = described["cohort"] | {"hu_low": [-2000, 0], "kidney_ml": [1, 99999]}
    other.write_text(json.dumps(described | {"source": "kits19", "cohort": wide}))
    words = ["--slices", here, "--segmentation", here / "segmentation.nii.gz", "--output", "both.tsv"]
    manifests = [project.folder / folder / "model.json" for folder in ("networks", "more")]
    assert run_script("measure_scan", *words, "--manifest", *manifests, cwd=project.folder).returncode == 0
    row = pd.read_csv(project.folder / "both.tsv", sep="\t").iloc[0]
    assert row["networks"].split() == 2 * [
        described["sha256"][f"{name}.safetensors"][:12] for name in ("kidney", "tumor")
    ]
    assert "some of the networks were trained on phantoms" in row["warnings"]
    assert "kidneys measure" not in row["warnings"]  # the second networks know kidneys of any size
    other.write_text(json.dumps(described | {"tumor_rows": "all"}))
    line = refused(project.snakemake(ensemble, "segment", "--dry-run"))
    assert "more has networks for tumor_rows all, networks for lower_half; an ensemble needs the same" in line
    other.write_text(json.dumps(described))
    (project.folder / "more" / "kidney.safetensors").unlink()
    assert "more lacks kidney.safetensors" in refused(project.snakemake(ensemble, "segment", "--dry-run"))
    manifest = project.folder / "networks" / "model.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"format": 99}))
    line = refused(project.snakemake(config, "segment", "--dry-run"))
    assert "scans.models: networks/model.json has format 99, but this version of the workflow reads 2" in line
    manifest.write_text(json.dumps(content))
    tumor = project.folder / "networks" / "tumor.safetensors"
    tumor.write_bytes(tumor.read_bytes() + b"x")
    assert "scans.models: networks: tumor.safetensors is not the file of which model.json speaks" in refused(
        project.snakemake(config, "segment", "--dry-run")
    )
    tumor.unlink()
    assert "networks lacks tumor.safetensors" in refused(project.snakemake(config, "segment", "--dry-run"))
    manifest.unlink()
    assert "networks/model.json is missing" in refused(project.snakemake(config, "segment", "--dry-run"))


@pytest.mark.slow
def test_the_networks_that_come_along_segment_a_scan(project):
    """Without a training, a cohort, or another key than the folder of the scans; they find a phantom's kidneys."""
    case, scan = project.folder / "truth" / "case_00003", project.folder / "scans" / "a.nii.gz"
    write_case(case, 96, (60, 60), "wide", seed=1)
    scan.parent.mkdir()
    shutil.copy(case / "imaging.nii.gz", scan)
    config = {"run": "away", "device": "cpu", "cpu_threads": 1, "scans": {"root": "scans"}}
    result = project.snakemake(config, "segment")
    assert result.returncode == 0, result.stdout
    assert "warning: a: the networks were trained on phantoms and know no patient" in result.stdout
    masks = [read_label_masks(path)[0] for path in (case / "segmentation.nii.gz", project.folder / SEGMENTATION)]
    assert compute_dice(*masks) > 0.8


def test_the_networks_that_come_along_are_whole_and_small():
    assert read_manifest(SYNTHETIC)["source"] == "phantom"
    assert sum((SYNTHETIC / f"{target}.safetensors").stat().st_size for target in NETWORKS) <= 8_000_000


def test_an_importer_has_the_networks_that_come_along(project):
    """They lie with the workflow, wherever the importer's prefix puts scans and results."""
    save(project.folder / "sub" / "scans" / "a.nii.gz", np.zeros((3, 4, 5), np.int16))
    (project.folder / "own.yaml").write_text("scans: {root: scans}")
    (project.folder / "Snakefile").write_text(
        f"configfile: 'own.yaml'\nmodule kits:\n    snakefile: '{ROOT}/Snakefile'\n    config: config\n"
        "    prefix: 'sub'\nuse rule * from kits as kits_*\n"
    )
    target = "sub/results/kits19/scans/a/kidney.nii.gz"
    result = run_snakemake(project.folder, "--dry-run", "--cores", 1, target)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "kits_predict_scan" in result.stdout
    assert "train" not in result.stdout


def test_the_runs_own_networks_are_not_trained_again_by_other_settings(finished, copy_of):
    """Named as networks to use they would be, since they are results of the run of this name."""
    project = copy_of(finished)
    save(project.folder / "scans" / "a.nii.gz", np.zeros((3, 4, 5), np.int16))
    config = {"run": TINY["run"], "scans": {"root": "scans", "models": f"{RESULTS}/models"}}
    line = refused(project.snakemake(config, "segment", "--dry-run"))
    assert line.startswith(f"error: scans.models: {RESULTS}/models has the networks of this run, {TINY['run']}; give")


def test_the_networks_of_all_folds_segment_a_scan(project):
    save(project.folder / "scans" / "a.nii.gz", np.zeros((3, 4, 5), np.int16))
    config = merged(TINY, split={"scheme": "kfold", "repeats": 2}, scans={"root": "scans"})
    goal = f"{RESULTS}/scans/a/kidney.nii.gz"
    result = project.snakemake(config, goal, "--dry-run", "--printshellcmds", "--quiet", "host")
    folders = [f"{RESULTS}/split_{number}/models" for number in (1, 2)]
    for target in ("kidney", "tumor"):
        assert f"--{target}-model {' '.join(f'{folder}/{target}.safetensors' for folder in folders)} " in result.stdout


RANGE = ["--ratio-range networks/ratio_range.json"]


@pytest.mark.parametrize(
    ("percentiles", "ratios", "unit", "options", "kept"),
    [
        ([5, 95], (1.07, 2.8), "voxel", RANGE, 0),
        pytest.param([5, 95], (1.07, 2.8), "mm", RANGE, 32, marks=pytest.mark.slow),
        pytest.param([5, 95], (None, None), "voxel", RANGE, 32, marks=pytest.mark.slow),
        pytest.param(None, (1.07, 2.8), "voxel", [], 32, marks=pytest.mark.slow),
    ],
)
def test_the_range_of_ratios_of_a_scan(project, kidneys, percentiles, ratios, unit, options, kept):
    """Any ratio passes without percentiles of this run, or of the one that trained the networks, whose unit counts.

    The ratio of a rod of 2 x 2 x 8 voxels is 63 / 3 = 21, and in mm, at 3 x 0.75 x 0.75, 63 / (16 * 3) = 1.3.
    """
    scan = project.folder / "results/away/scans/a"
    save(project.folder / "scans" / "a.nii.gz", np.zeros((12, 40, 40), np.int16))
    save(scan / "kidney.nii.gz", (kidneys[0] | kidneys[1]).astype(np.uint8))
    save(scan / "tumor.nii.gz", box((12, 40, 40), (4, 6), (28, 30), (26, 34)).astype(np.uint8))
    save_networks(project.folder / "networks", ratios, unit)
    config = {"run": "away", "scans": {"root": "scans", "models": "networks"}}
    config["postprocess"] = {"percentiles": percentiles}
    goal = "results/away/scans/a/segmentation.nii.gz"
    shown = ["--printshellcmds", "--quiet", "host"]
    result = project.snakemake(config, goal, "--allowed-rules", "postprocess_scan", *shown)
    assert result.returncode == 0, result.stdout
    assert re.findall(r"--ratio-range \S+", result.stdout) == options
    assert ("networks/ratio_range.json" in result.stdout) == bool(options)  # among the inputs, too
    assert (nib.load(scan / "segmentation.nii.gz").get_fdata() == 2).sum() == kept


@pytest.mark.slow
def test_what_is_not_nifti_is_converted(project):
    """Its volume lies with its results, and another file of its voxels makes it another scan."""
    folder = project.folder / "scans"
    write_series(folder / "a", 4)
    save(folder / "b.nii.gz", np.zeros((3, 4, 5), np.int16))
    header = "NRRD0005\ntype: short\ndimension: 3\nspace: RAS\nsizes: 8 8 4\nendian: little\nencoding: raw\n"
    header += "space directions: (1,0,0) (0,1,0) (0,0,3)\nspace origin: (0,0,0)\n"
    (folder / "c.nrrd").write_bytes(f"{header}\n".encode() + bytes(512))
    (folder / "d.nhdr").write_text(f"{header}data file: d.raw\n")
    (folder / "d.raw").write_bytes(bytes(512))
    config = merged(TINY, scans={"root": "scans"})
    records = [f"{RESULTS}/scans/{name}/slices.json" for name in "abcd"]
    assert project.planned(config, *records) == {"read_scan": 1, "convert_scan": 3, "total": 4}
    assert project.snakemake(config, *records).returncode == 0
    for name in "acd":
        assert nib.load(project.folder / RESULTS / "scans" / name / "imaging.nii.gz").shape[2] == 4
    assert project.planned(config, *records) == {}
    (folder / "d.raw").write_bytes(bytes(range(256)) * 2)
    assert project.planned(config, *records) == {"convert_scan": 1, "total": 1}


@pytest.mark.parametrize(
    ("scans", "says"),
    [
        ({"root": "nowhere"}, "nowhere: No such file or directory"),
        pytest.param({}, "scans.root is not set; name the folder of your scans", marks=pytest.mark.slow),
        pytest.param({"root": "config"}, "no scan in config; expected files .nii.gz", marks=pytest.mark.slow),
    ],
)
def test_without_scans_segment_says_so(project, scans, says):
    assert says in refused(project.snakemake(merged(TINY, scans=scans), "segment", "--dry-run"))


def test_without_networks_and_cohort_segment_says_so(project):
    save(project.folder / "scans" / "a.nii.gz", np.zeros((3, 4, 5), np.int16))
    line = refused(project.snakemake({"scans": {"root": "scans", "models": None}}, "segment", "--dry-run"))
    assert line.startswith("error: scans.models: name a folder with trained networks, or have a cohort to train on")
