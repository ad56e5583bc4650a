"""On real KiTS19 labels and slices, where they lie beside the repository; skipped without them."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import SHARED, TINY, merged
from scipy import ndimage

LABELS, MINI = SHARED / "kits19-labels", SHARED / "kits19-mini"


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
    ours = table.loc[table["case"] == "case_00104", ["voxels", "ratio"]].to_numpy()
    assert len(ours) > 1
    np.testing.assert_allclose(sorted(map(tuple, ours)), sorted(expected), rtol=1e-4)
    accepted = json.loads((project.folder / "results/labels/ratio_range.json").read_text())
    assert accepted["components"] == len(table)
    low, high = np.percentile(table["ratio"], [5, 95])
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
