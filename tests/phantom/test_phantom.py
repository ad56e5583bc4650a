"""The phantom cohort: KiTS19's layout, CT's numbers, the same every time."""

import nibabel as nib
import numpy as np
import pytest

from kidney_tumor.filter.tumors import measure_tumors
from kidney_tumor.phantom.volumes import write_case
from kidney_tumor.volumes.labels import read_label


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Ten cases, small."""
    root = tmp_path_factory.mktemp("cohort")
    for number in range(10):
        write_case(root / f"case_{number:05d}", 64, (18, 30), "plain", seed=7)
    return root


def label_of(cohort, number):
    return read_label(cohort / f"case_{number:05d}" / "segmentation.nii.gz")


def image_of(cohort, number):
    return nib.load(cohort / f"case_{number:05d}" / "imaging.nii.gz")


def test_layout(cohort):
    shapes, spacings = [], []
    for number in range(10):
        image, label = image_of(cohort, number), label_of(cohort, number)
        assert image.shape == label.shape
        assert image.get_data_dtype() == np.int16
        assert (nib.affines.voxel_sizes(image.affine) == image.header.get_zooms()).all()
        assert np.flatnonzero(image.affine[:3, 0]).tolist() == [2]  # axis 0 is axial
        shapes.append(image.shape)
        spacings.append(image.header.get_zooms())
    assert len({shape[0] for shape in shapes}) > 3
    assert len(set(spacings)) == 10
    assert all(18 <= shape[0] <= 30 for shape in shapes)
    assert [shape[1:] for shape in shapes].count((64, 64)) == 9
    assert shapes[2][1:] == (64, 80)


def test_every_case_shows_kidney_and_tumor_on_some_slices(cohort):
    for number in range(10):
        label = label_of(cohort, number)
        assert set(np.unique(label)) == {0, 1, 2}
        shown = (label > 0).any(axis=(1, 2)).mean()
        assert 0.2 < shown < 0.7


def test_one_case_has_a_solitary_kidney(cohort):
    """The two sides of the body: kidney left and right of its axis, except in case 1."""
    for number in range(10):
        columns = np.argwhere(label_of(cohort, number) == 1)[:, 2]
        middle = label_of(cohort, number).shape[2] / 2
        sides = [(columns < middle - 6).mean(), (columns > middle + 6).mean()]
        assert (min(sides) < 0.01) == (number == 1)


def test_hounsfield_units(cohort):
    contrast = []
    for number in range(10):
        image, label = np.asarray(image_of(cohort, number).dataobj), label_of(cohort, number)
        assert image.min() >= -1024
        assert -1010 < np.median(image[:, :3]) < -990  # air in front of the body
        assert 70 < np.median(image[label == 1]) < 240  # enhanced kidney
        assert 0 < np.median(image[label == 2]) < 170  # tumor: less
        assert (image > 300).any()  # bone
        contrast.append(np.median(image[label == 2]) / np.median(image[label == 1]))
    assert max(contrast) < 1.2
    assert 0.5 < np.median(contrast) < 0.8


def test_kidneys_and_tumors_are_as_common_and_as_large_as_in_kits19(tmp_path):
    """Pooled over KiTS19's 210 cases, 0.36 of the slices show kidney or tumor and 0.12 tumor in the lower half.

    The eigenvalue ratio of its tumors has the percentiles 1.07 (5th), 1.39 (50th) and 2.79 (95th), and the median case
    has 30 mL of tumor and 408 mL of kidney.
    """
    shown, in_lower_half, ratios, tumor_ml, kidney_ml = [], [], [], [], []
    for number in range(40):
        folder = tmp_path / f"case_{number:05d}"
        write_case(folder, 96, (28, 36), "plain", seed=7)
        path = folder / "segmentation.nii.gz"
        label, voxel_ml = read_label(path), np.prod(nib.load(path).header.get_zooms()) / 1000
        shown += list((label > 0).any(axis=(1, 2)))
        in_lower_half += list((label[:, 48:] == 2).any(axis=(1, 2)))
        ratios += list(measure_tumors(path, 10)["ratio_voxel"])
        tumor_ml.append((label == 2).sum() * voxel_ml)
        kidney_ml.append((label == 1).sum() * voxel_ml)
    assert 0.3 < np.mean(shown) < 0.42
    assert 0.09 < np.mean(in_lower_half) < 0.16
    assert np.percentile(ratios, [5, 50, 95]) == pytest.approx([1.07, 1.39, 2.79], rel=0.2)
    assert 20 < np.median(tumor_ml) < 45
    assert 280 < np.median(kidney_ml) < 450


def test_deterministic_and_independent_of_the_cohorts_size(cohort, tmp_path):
    again = tmp_path / "case_00004"
    write_case(again, 64, (18, 30), "plain", seed=7)
    for name in ("imaging.nii.gz", "segmentation.nii.gz"):
        assert (again / name).read_bytes() == (cohort / "case_00004" / name).read_bytes()
    other = tmp_path / "other" / "case_00004"
    write_case(other, 64, (18, 30), "plain", seed=8)
    assert (other / "imaging.nii.gz").read_bytes() != (again / "imaging.nii.gz").read_bytes()
