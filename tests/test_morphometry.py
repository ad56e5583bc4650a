"""Volumes and diameters of shapes whose volume and diameter are known."""

import math

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import run_script
from scipy.spatial.distance import pdist
from skimage.measure import marching_cubes

from kits.analysis.morphometry import measure_diameter, measure_masks
from kits.filter.masks import RunLengthMask

SPACING = (3.0, 0.8, 0.7)


def ball(radius, shape=(40, 110, 120), spacing=SPACING):
    """The voxels whose centers lie within `radius` mm of the middle."""
    axes = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return z**2 + y**2 + x**2 <= radius**2


def test_a_ball_of_known_volume_and_diameter():
    mask = ball(30)
    result = measure_masks(RunLengthMask.from_mask(mask), RunLengthMask.from_mask(mask), SPACING)
    assert result["tumor_ml"] == pytest.approx(4 / 3 * math.pi * 3.0**3, rel=0.01)  # radius in cm: mL
    assert result["kidney_ml"] == 0
    assert result["tumor_diameter_mm"] == pytest.approx(60, abs=max(SPACING))  # a voxel
    assert result["tumor_ratio"] > 1


def test_a_shell_of_kidney_around_a_tumor():
    result = measure_masks(RunLengthMask.from_mask(ball(30)), RunLengthMask.from_mask(ball(20)), SPACING)
    assert result["kidney_ml"] == pytest.approx(4 / 3 * math.pi * (3.0**3 - 2.0**3), rel=0.01)


def test_a_box_by_hand():
    mask = np.zeros((6, 10, 12), bool)
    mask[1:3, 2:7, 3:11] = True  # 2 x 5 x 8 voxels of 3 x 0.8 x 0.7 mm
    result = measure_masks(RunLengthMask.from_mask(mask), RunLengthMask.from_mask(mask), SPACING)
    assert result["tumor_ml"] == pytest.approx(2 * 5 * 8 * 3 * 0.8 * 0.7 / 1000)
    # From the middle of one voxel's face to that of the opposite corner's: one of the three edges is whole.
    edges = np.array([1 * 3.0, 4 * 0.8, 7 * 0.7])
    longest = max(np.linalg.norm(edges + np.eye(3)[axis] * SPACING) for axis in range(3))
    assert result["tumor_diameter_mm"] == pytest.approx(longest)


@pytest.mark.parametrize("density", [0.05, 0.3, 0.9])
def test_diameter_is_that_of_the_mesh(rng, density):
    """The diameter is that of pyradiomics: the largest distance between two vertices of the marching-cubes mesh."""
    mask = rng.random((7, 9, 8)) < density
    vertices = marching_cubes(np.pad(mask, 1).astype(float), 0.5, spacing=SPACING)[0]
    assert measure_diameter(RunLengthMask.from_mask(mask), SPACING) == pytest.approx(pdist(vertices).max(), rel=1e-6)


def test_one_voxel_is_as_long_as_its_longest_edge():
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    assert measure_diameter(RunLengthMask.from_mask(mask), SPACING) == pytest.approx(3.0)


def test_only_the_largest_tumor_is_measured_across():
    mask = np.zeros((4, 30, 30), bool)
    mask[1:3, 2:6, 2:6] = True
    alone = measure_masks(RunLengthMask.from_mask(mask), RunLengthMask.from_mask(mask), SPACING)
    mask[1, 25, 25] = True
    both = measure_masks(RunLengthMask.from_mask(mask), RunLengthMask.from_mask(mask), SPACING)
    assert both["tumor_diameter_mm"] == alone["tumor_diameter_mm"]
    assert both["tumor_ratio"] == alone["tumor_ratio"]
    assert both["tumor_ml"] > alone["tumor_ml"]


def test_no_tumor():
    kidney, nothing = np.ones((2, 3, 4), bool), np.zeros((2, 3, 4), bool)
    result = measure_masks(RunLengthMask.from_mask(kidney), RunLengthMask.from_mask(nothing), (1, 1, 1))
    assert result["kidney_ml"] == pytest.approx(0.024)
    assert result["tumor_ml"] == 0
    assert math.isnan(result["tumor_diameter_mm"])
    assert math.isnan(result["tumor_ratio"])


def test_the_images_spacing_counts(tmp_path):
    """A label exported with another affine: measured in the image's mm, and `check_cohort` warns of it."""
    image = np.array([[0, 0, -0.5, 0], [0, -0.5, 0, 0], [-4.0, 0, 0, 0], [0, 0, 0, 1]])
    volume = np.full((5, 8, 8), 2, np.uint8)
    case = tmp_path / "case_00000"
    case.mkdir()
    for name, affine in (("imaging", image), ("segmentation", np.eye(4)), ("predicted", image)):
        nib.save(nib.Nifti1Image(volume, affine), case / f"{name}.nii.gz")
    label, predicted = case / "segmentation.nii.gz", case / "predicted.nii.gz"
    masks = ["--kidney", predicted, "--tumor", predicted, "--segmentation", predicted]
    result = run_script("measure_case", "--case", "a", "--label", label, *masks, "--output", tmp_path / "a.tsv")
    assert result.returncode == 0, result.stderr
    table = pd.read_csv(tmp_path / "a.tsv", sep="\t")
    assert table["tumor_ml"].tolist() == pytest.approx([5 * 8 * 8 * 4 * 0.5 * 0.5 / 1000] * 3)
    checked = run_script("check_cohort", "--root", tmp_path, "--cases", "case_00000", "--output", tmp_path / "c.tsv")
    assert "warning: " in checked.stdout
    assert "1 x 1 x 1 mm, the image's 4 x 0.5 x 0.5 mm" in checked.stdout
