"""Wide phantoms: they vary as KiTS19's labels do, and their attenuation is what was published for each phase."""

import nibabel as nib
import numpy as np
import pytest

from kidney_tumor.phantom import contrast, wide
from kidney_tumor.phantom.scanner import Scanner
from kidney_tumor.phantom.solids import Ellipsoid
from kidney_tumor.phantom.volumes import paint, write_case
from kidney_tumor.volumes.components import compute_eigenvalues, compute_ratio, find_components, mark_largest
from kidney_tumor.volumes.labels import KIDNEY, read_label
from kidney_tumor.volumes.masks import RunLengthMask

CASES = 60


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """The image, the label and the spacing of each case."""
    root, cases = tmp_path_factory.mktemp("wide"), []
    for number in range(CASES):
        folder = root / f"case_{number:05d}"
        write_case(folder, 64, (50, 70), "wide", seed=5)
        image = nib.load(folder / "imaging.nii.gz")
        spacing = tuple(float(step) for step in image.header.get_zooms())
        cases.append((np.asarray(image.dataobj), read_label(folder / "segmentation.nii.gz"), spacing))
    return cases


@pytest.mark.slow
def test_kidneys_and_tumors_have_kits19s_distributions(cohort):
    """Of KiTS19's 210 labels, the median and percentiles 5 and 95: kidneys without tumors 408 mL, 259 to 612; tumors
    30 mL, 2.6 to 614; in 70 of them, the eigenvalue ratio of the largest tumor in mm 1.29, 1.05 to 1.91.
    """
    kidney_ml, tumor_ml, ratios = [], [], []
    for _, label, spacing in cohort:
        if label[[0, -1]].any():
            continue  # cut off at an end of the scan
        voxel_ml = np.prod(spacing) / 1000
        kidney_ml.append((label == 1).sum() * voxel_ml)
        tumor_ml.append((label == 2).sum() * voxel_ml)
        tumors = find_components(RunLengthMask.from_mask(label == 2))
        if len(tumors):
            largest = mark_largest(tumors, 1) & (tumors.voxels >= 20)
            ratios += list(compute_ratio(compute_eigenvalues(tumors, spacing))[largest])
    assert len(kidney_ml) > CASES / 2
    assert 350 < np.median(kidney_ml) < 480
    assert 150 < np.percentile(kidney_ml, 5) < 300
    assert 500 < np.percentile(kidney_ml, 95) < 750
    assert 15 < np.median(tumor_ml) < 60
    assert np.percentile(tumor_ml, 5) < 8
    assert np.percentile(tumor_ml, 95) > 200
    assert 1.2 < np.median(ratios) < 1.6
    assert np.percentile(ratios, 5) < 1.2


@pytest.mark.slow
def test_scans_differ_as_those_of_patients(cohort):
    heights = [label.shape[0] * spacing[0] for _, label, spacing in cohort]
    assert min(heights) < 220
    assert max(heights) > 500
    widths = [label.shape[2] * spacing[2] for _, label, spacing in cohort if label.shape[2] == 64]
    assert min(widths) < 320
    assert max(widths) > 450
    noise = [np.diff(image[len(image) // 2, 28:36, 28:36].astype(float)).std() for image, _, _ in cohort]
    assert np.percentile(noise, 90) > 3 * np.percentile(noise, 10)
    lowest = {int(image.min()) for image, _, _ in cohort}
    assert {-1024, 0} <= lowest  # some are stored clipped
    outlines = [(image > -500).any(0).any(0).sum() * spacing[2] for image, _, spacing in cohort]
    assert np.percentile(outlines, 95) - np.percentile(outlines, 5) > 80  # thin and obese


@pytest.mark.slow
def test_a_kidneys_attenuation_is_that_of_its_phase(cohort):
    """Between cortex and medulla, without contrast agent near water."""
    for number, (image, label, _) in enumerate(cohort):
        rng = np.random.default_rng([5, number])
        rng.integers(50, 71)
        drawn = contrast.draw_contrast(rng)
        values = np.clip([drawn["cortex"], drawn["medulla"]], *np.percentile(image, [0, 100]))
        if not (label == KIDNEY).any():
            continue
        found = np.median(image[label == KIDNEY])
        assert min(values) - 40 < found < max(values) + 40, (number, drawn.phase)


def test_attenuation_agrees_with_publications(rng):
    """The literature that `contrast.ORGANS` cites: means and ranges in HU."""
    drawn = [contrast.draw_contrast(rng) for _ in range(3000)]

    def collect(organ, phase):
        return [one[organ] for one in drawn if one.phase == phase]

    shares = [len(collect("liver", phase)) / len(drawn) for phase in contrast.PHASES]
    assert shares == pytest.approx(contrast.SHARES, abs=0.03)
    assert 45 < np.median(collect("liver", "unenhanced")) < 65
    limits = {
        "unenhanced": (15, 51), "corticomedullary": (32, 100), "portal": (41, 95), "nephrographic": (18, 91),
        "excretory": (18, 73),
    }  # fmt: skip
    for phase, (low, high) in limits.items():
        assert low < np.median(collect("papillary", phase)) < high
        assert (
            abs(np.mean(collect("clear_cell", phase)) - contrast.ORGANS["clear_cell"][contrast.PHASES.index(phase)])
            < 30
        )
    arterial = np.median(collect("cortex", "corticomedullary")) - np.median(collect("medulla", "corticomedullary"))
    late = np.median(collect("cortex", "nephrographic")) - np.median(collect("medulla", "nephrographic"))
    assert arterial > 50 > late > -10


def test_horseshoe_kidneys_are_one_piece(monkeypatch):
    monkeypatch.setattr(wide, "FUSED", 1)
    joined = 0
    for seed in range(6):
        solids, _ = wide.draw_anatomy(np.random.default_rng(seed), solitary=False)
        _, label = paint((48, 96, 96), (5, 4, 4), solids, [seed], Scanner(center=(30, 0, 0), warp=0))
        pieces = find_components(RunLengthMask.from_mask(label > 0))
        joined += pieces.voxels.max() > 0.9 * pieces.voxels.sum()
    assert joined >= 5


def test_a_solid_can_be_bent_cut_and_bounded():
    """Each against the formula of an ellipsoid, voxel by voxel."""
    position = np.stack(np.meshgrid(*3 * [np.linspace(-30, 30, 31)], indexing="ij")).astype(np.float32)
    z, y, x = position
    plain = Ellipsoid((0, 0, 0), (20, 10, 10), 0)
    inside = (z / 20) ** 2 + (y / 10) ** 2 + (x / 10) ** 2 < 1
    np.testing.assert_array_equal(plain.contains(position), inside)
    cut = Ellipsoid((0, 0, 0), (20, 10, 10), 0, base=3.0)
    np.testing.assert_array_equal(cut.contains(position), inside & (y < 3))
    bounded = Ellipsoid((0, 0, 0), (20, 10, 10), 0, within=Ellipsoid((5, 0, 0), (9, 9, 9), 0))
    np.testing.assert_array_equal(bounded.contains(position), inside & ((z - 5) ** 2 + y**2 + x**2 < 81))
    bent = Ellipsoid((0, 0, 0), (20, 10, 10), 0, bend=(0.0, 0.5))
    shifted = x - 0.5 * (z / 20) ** 2 * 10
    np.testing.assert_array_equal(bent.contains(position), (z / 20) ** 2 + (y / 10) ** 2 + (shifted / 10) ** 2 < 1)
    assert bent.reach >= np.abs(position[:, bent.contains(position)]).max()
