"""On real KiTS19 labels and slices, where they lie beside the repository; skipped without them."""

import itertools
import json
import re
import subprocess
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import surface_distance
from conftest import ROOT, SCRIPTS, SHARED, TINY, merged
from isal import igzip
from scipy import ndimage, stats

from kidney_tumor.analysis.morphometry import find_axial_diameter, find_main_tumor, measure_diameter
from kidney_tumor.scans.plausibility import list_flat_ends
from kidney_tumor.volumes.masks import read_label_masks
from kidney_tumor.volumes.nifti import read_geometry

LABELS, MINI, ALL_LABELS = SHARED / "kits19-labels", SHARED / "kits19-mini", SHARED / "kits19-all-labels"
OTHER_LABELS = SHARED / "kits23-labels"
SECOND_READER = SHARED / "kits19-second-reader"


@pytest.mark.slow
@pytest.mark.skipif(not LABELS.is_dir(), reason="no kits19-labels beside the repository")
def test_components_of_real_labels_need_no_imaging(project):
    """24 full-size volumes through the label-only target; one of them recomputed with scipy."""
    config = {"run": "labels", "data": {"root": str(LABELS)}}
    result = project.snakemake(config, "ratio_range")
    assert result.returncode == 0, result.stdout
    table = pd.read_csv(project.folder / "results/labels/tumor_components.tsv", sep="\t")
    assert table["case"].nunique() == 24
    assert (table["voxels"] >= 10).all()
    tumor = np.asarray(nib.load(LABELS / "case_00104" / "segmentation.nii.gz").dataobj) == 2
    labels, count = ndimage.label(tumor, np.ones((3, 3, 3)))
    expected = []
    for number in range(1, count + 1):
        voxels = np.argwhere(labels == number)
        if len(voxels) >= 10:
            values = np.linalg.eigvalsh(np.cov(voxels.T))
            expected.append((len(voxels), values[2] / values[1]))
    ours = table.loc[table["case"] == "case_00104", ["voxels", "ratio_voxel"]].to_numpy()
    assert len(ours) > 1
    np.testing.assert_allclose(sorted(map(tuple, ours)), sorted(expected), rtol=1e-4)
    accepted = json.loads((project.folder / "results/labels/ratio_range.json").read_text())
    assert accepted["components"] == len(table)
    low, high = np.percentile(table["ratio_voxel"], [5, 95])
    assert (accepted["low"], accepted["high"]) == (pytest.approx(low), pytest.approx(high))


@pytest.mark.slow
@pytest.mark.skipif(not MINI.is_dir(), reason="no kits19-mini beside the repository")
def test_every_stage_on_real_slices(project):
    """Real CT, 512 x 512 and 512 x 796, through a tiny network."""
    config = merged(TINY, run="mini", data={"source": "kits19", "root": str(MINI), "cases": [25, 47, 151, 160]})
    goals = [f"results/mini/{name}" for name in ("scores.tsv", "figures/fig3.png")]
    result = project.snakemake(config, *goals)
    assert result.returncode == 0, result.stdout
    results = project.folder / "results/mini"
    scores = pd.read_csv(results / "scores.tsv", sep="\t")
    assert len(scores) == 2 * 2 * 2
    for case in scores["case"].unique():
        image = nib.load(MINI / case / "imaging.nii.gz")
        for path in (results / f"predictions/{case}/kidney.nii.gz", results / f"segmentations/{case}.nii.gz"):
            assert nib.load(path).shape == image.shape
            np.testing.assert_allclose(nib.load(path).affine, image.affine)


@pytest.mark.slow
@pytest.mark.skipif(not ALL_LABELS.is_dir(), reason="no kits19-all-labels beside the repository")
def test_the_findings_on_210_patients_are_measured_again():
    """Sizes and some associations of docs/findings.md, with the statistics of numpy, scipy and pairs."""
    record = pd.DataFrame(json.loads((ALL_LABELS / "kits.json").read_text())).set_index("case_id")
    sizes = {}
    for case in record.index:
        path = ALL_LABELS / case / "segmentation.nii.gz"
        main, _ = find_main_tumor(read_label_masks(path)[1], 10)
        spacing = nib.load(path).header.get_zooms()
        sizes[case] = (find_axial_diameter(main, spacing).length, measure_diameter(main, spacing))
    axial, whole = np.array([sizes[case] for case in record.index]).T
    text = " ".join((ROOT / "docs" / "findings.md").read_text().split())
    for name, measured in (("in an axial slice", axial), ("in 3-D", whole)):
        for reader, key in (("radiologist", "radiographic_size"), ("pathologist", "pathologic_size")):
            stated = 10 * record[key].to_numpy(float)
            r, factor = np.corrcoef(measured, stated)[0, 1], np.log(measured / stated)
            row = re.search(
                rf"\| {name} \| {reader} \| ([\d.]+) \[[^|]*\|[^|]*\| ([\d.]+) \[[^|]*\| (\S+) to (\S+) \|", text
            )
            spread = 1.959964 * factor.std(ddof=1)
            expected = [f"{r:.3f}", *(f"{np.exp(factor.mean() + shift):.2f}" for shift in (0, -spread, spread))]
            assert list(row.groups()) == expected
    radical = record["surgical_procedure"].to_numpy() == "radical_nephrectomy"
    area = (axial[radical][:, None] > axial[~radical]).mean() + (axial[radical][:, None] == axial[~radical]).mean() / 2
    assert f"| radical nephrectomy | area | {area:.2f} [" in text
    grade = record["tumor_isup_grade"].to_numpy(float)
    known = ~np.isnan(grade)
    result = stats.mannwhitneyu(axial[known & (grade >= 3)], axial[known & (grade < 3)])
    counts = (known & (grade >= 3)).sum(), known.sum()
    area = result.statistic / counts[0] / (counts[1] - counts[0])
    assert re.search(rf"\| ISUP grade 3 or more \| area \| {area:.2f} \[[^|]*\], {counts[0]} of {counts[1]} \|", text)


def measure_shapes(path):
    """The ratio in voxels and in mm of each tumor of a label volume, by nibabel, scipy and numpy."""
    image = nib.Nifti1Image.from_bytes(igzip.decompress(path.read_bytes()))
    tumor, zooms = np.asanyarray(image.dataobj) == 2, image.header.get_zooms()
    for axis in range(3):  # the box of the tumors, faster than by scipy's find_objects
        seen = np.flatnonzero(tumor.any(tuple({0, 1, 2} - {axis})))
        tumor = np.moveaxis(np.moveaxis(tumor, axis, 0)[seen[0] : seen[-1] + 1], 0, axis)
    labels, count = ndimage.label(tumor, np.ones((3, 3, 3)))
    for number in range(1, count + 1):
        voxels = np.argwhere(labels == number)
        if len(voxels) >= 10:
            values = [np.linalg.eigvalsh(np.cov((voxels * size).T)) for size in (1, zooms)]
            yield [value[2] / value[1] for value in values]


@pytest.mark.slow
@pytest.mark.skipif(not (ALL_LABELS.is_dir() and OTHER_LABELS.is_dir()), reason="no labels of both cohorts")
def test_the_ranges_on_other_patients_are_measured_again():
    """The first table of docs/validation.md, and both ends of each range, without this project's code."""
    found = {
        name: [np.array([*measure_shapes(path)]) for path in sorted(root.glob("case_*/segmentation.nii.gz"))]
        for name, root in (("kits19", ALL_LABELS), ("kits23", OTHER_LABELS))
    }
    text = (ROOT / "docs" / "validation.md").read_text()
    for giver, taker in itertools.permutations(found):
        for column, unit in enumerate(("voxels", "mm")):
            low, high = np.percentile(np.concatenate(found[giver])[:, column], [5, 95])
            assert re.search(rf"\| {giver} \| {unit} \| {low:.3f} \[.*?\| {high:.3f} \[", text)
            lost = [(case[:, column] < low) | (case[:, column] > high) for case in found[taker]]
            counts = sum(map(sum, lost)), sum(map(len, lost)), sum(map(all, lost)), len(lost)
            row = "| {} | {} | {} | {} of {}: {:.1f} % [".format(
                giver, taker, unit, *counts[:2], 100 * counts[0] / counts[1]
            )
            assert row in text
            assert (
                "| {} of {}: {:.1f} % [".format(*counts[2:], 100 * counts[2] / counts[3])
                in text[text.index(row) :][:120]
            )


MEASURED = """
import resource, subprocess, sys
status = subprocess.run([sys.executable, *sys.argv[1:]]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20)
sys.exit(status)
"""
"""Runs a script; prints the seconds of the processor, to which other load adds nothing, and the peak memory in GiB."""


@pytest.mark.slow
@pytest.mark.skipif(not ALL_LABELS.is_dir(), reason="no kits19-all-labels beside the repository")
def test_no_labeled_kidney_ends_abruptly():
    for number in range(0, 210, 10):
        label = ALL_LABELS / f"case_{number:05d}" / "segmentation.nii.gz"
        kidney, _ = read_label_masks(label)
        assert list(list_flat_ends(kidney, read_geometry(label).spacing)) == [], number


@pytest.mark.skipif(not ALL_LABELS.is_dir(), reason="no kits19-all-labels beside the repository")
def test_the_largest_case_is_measured_within_5_s_and_1_gib(tmp_path):
    words = ["--root", ALL_LABELS, "--cases", "case_00151"]
    outputs = ["--slices", tmp_path / "slices.npz", "--output", tmp_path / "measures.tsv"]
    command = [sys.executable, "-c", MEASURED, SCRIPTS / "measure_labels.py", *words, *outputs]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    seconds, gib = map(float, result.stdout.split())
    assert seconds < 5
    assert gib < 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(
    not (ALL_LABELS.is_dir() and SECOND_READER.is_dir()), reason="no second reader beside the repository"
)
def test_a_second_reader_is_scored_as_by_the_reference_implementation(project):
    """Two cases of many slices and of few, by numpy and by the functions of surface-distance."""
    (project.folder / "second").mkdir()
    cases = ["case_00000", "case_00010"]
    for case in cases:
        (project.folder / "second" / f"{case}.nii.gz").symlink_to(SECOND_READER / f"{case}.nii.gz")
    config = {"run": "readers", "evaluate": {"truth": str(ALL_LABELS), "predictions": {"second": "second"}}}
    result = project.snakemake(config, "evaluate")
    assert result.returncode == 0, result.stdout
    assert "second: 208 of 210 cases are left out, no prediction: case_00001 to case_00009, case_00011" in result.stdout
    table = pd.read_csv(project.folder / "results/readers/evaluation.tsv", sep="\t")
    scores = table.set_index(["case", "target"])[["dice", "surface_dice", "hd95_mm"]]
    for case in cases:
        label = nib.load(ALL_LABELS / case / "segmentation.nii.gz")
        pair = [np.asarray(label.dataobj), np.asarray(nib.load(SECOND_READER / f"{case}.nii.gz").dataobj)]
        for target, least, tolerance in (("kidney_tumor", 1, 1.0330772532390826), ("tumor", 2, 1.1498198361434828)):
            truth, prediction = (volume >= least for volume in pair)
            found = surface_distance.compute_surface_distances(truth, prediction, label.header.get_zooms())
            expected = [
                2 * (truth & prediction).sum() / (truth.sum() + prediction.sum()),
                surface_distance.compute_surface_dice_at_tolerance(found, tolerance),
                surface_distance.compute_robust_hausdorff(found, 95),
            ]
            assert scores.loc[(case, target)].tolist() == pytest.approx(expected, abs=1e-5)
