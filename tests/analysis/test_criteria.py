"""Criteria of tumor candidates: shapes by hand, areas by pairs, and what each rule leaves of drawn cases."""

import nibabel as nib
import numpy as np
import pytest
from conftest import save
from helpers.filters import box
from scipy import ndimage

from kidney_tumor.analysis.candidates import CaseCandidates, measure_case, measure_criteria
from kidney_tumor.analysis.criteria import CRITERIA, tabulate_criteria
from kidney_tumor.volumes.components import find_components
from kidney_tumor.volumes.masks import encode

SHAPE = (12, 40, 40)


def measure(mask, spacing):
    return {name: values.tolist() for name, values in measure_criteria(find_components(encode(mask)), spacing).items()}


def test_a_box_and_two_that_touch_at_a_corner():
    mask = box(SHAPE, (2, 6), (4, 12), (4, 20))
    found = measure(mask, (3.0, 1.0, 1.0))
    variance = [(length**2 - 1) * step**2 for length, step in ((4, 3), (8, 1), (16, 1))]  # 135, 63 and 255
    assert found["ml"] == pytest.approx([4 * 8 * 16 * 3 / 1000])
    assert found["flatness"] == pytest.approx([np.sqrt(variance[1] / variance[2])])
    assert found["solidity"] == pytest.approx([1])
    assert found["ratio_mm"] == pytest.approx([variance[2] / variance[0]])
    assert found["ratio_voxel"] == pytest.approx([(16**2 - 1) / (8**2 - 1)])
    corner = box(SHAPE, (2, 4), (2, 4), (2, 4)) | box(SHAPE, (4, 6), (4, 6), (4, 6))
    # The hull of two cubes of 2 along a diagonal: both halves, and the prism between them.
    [solidity] = measure(corner, (1.0, 1.0, 1.0))["solidity"]
    assert solidity == pytest.approx(16 / 32)


def test_a_ball_is_a_ball():
    grid = np.indices((61, 41, 41)) - np.array([30, 20, 20])[:, None, None, None]
    ball = (grid**2 * np.array([0.25, 0.25, 0.25])[:, None, None, None]).sum(0) < 9**2
    found = measure(ball, (0.5, 0.5, 0.5))
    assert found["sphericity"] == pytest.approx([1], abs=0.1)  # marching cubes of a mask leave steps
    assert found["solidity"] == pytest.approx([1], abs=0.1)
    assert found["flatness"] == pytest.approx([1], abs=0.02)


@pytest.fixture
def drawn_cases(tmp_path):
    """A true candidate in the kidney and two false ones: one outside, one of 4 voxels, which is too small to be one."""
    cases = []
    for number in range(3):
        folder, case = tmp_path / f"case_{number:05d}", f"case_{number:05d}"
        kidney, tumor = box(SHAPE, (1, 11), (2, 30), (2, 30)), box(SHAPE, (2, 8), (4, 12), (4, 12 + number))
        raw = (
            box(SHAPE, (2, 8), (4, 12), (6, 14))
            | box(SHAPE, (2, 8), (33, 39), (33, 39))
            | box(SHAPE, (1, 2), (20, 22), (20, 22))
        )
        save(folder / "label.nii.gz", kidney.astype(np.uint8) + tumor)
        save(folder / "kidney.nii.gz", kidney.astype(np.uint8))
        save(folder / "tumor.nii.gz", raw.astype(np.uint8))
        cases.append(measure_case(case, folder, folder / "label.nii.gz", 2, 10))
        label = np.asarray(nib.load(folder / "label.nii.gz").dataobj) == 2
        numbers, count = ndimage.label(raw, np.ones((3, 3, 3)))
        sizes = [(numbers == one).sum() for one in range(1, count + 1)]
        kept = [one for one, size in enumerate(sizes, 1) if size >= 10]
        assert sorted(cases[-1].voxels) == sorted(sizes[one - 1] for one in kept)
        assert sorted(cases[-1].common) == sorted((label & (numbers == one)).sum() for one in kept)
    return cases


def test_what_is_kept_by_hand(drawn_cases):
    table = tabulate_criteria(drawn_cases, seed=1).set_index("criterion")
    assert (table["true"] == 3).all()
    assert (table["false"] == 3).all()
    tumors = [6 * 8 * (8 + number) for number in range(3)]
    common = [6 * 8 * (6 + number) for number in range(3)]
    with_false, alone = (
        np.mean([2 * shared / (tumor + kept) for shared, tumor in zip(common, tumors, strict=True)])
        for kept in (6 * 8 * 8 + 6 * 6 * 6, 6 * 8 * 8)
    )
    assert table.loc["none", "dice"] == pytest.approx(with_false)
    assert table.loc["none", "false_per_case"] == 1
    assert table.loc["overlap", "auc"] == 1
    assert table.loc["overlap", "dice"] == pytest.approx(alone)
    assert table.loc["overlap", "change"] == pytest.approx(alone - with_false)
    assert table.loc["overlap", "false_per_case"] == 0
    assert (table["sensitivity"] == 1).all()
    assert (table["emptied"] == 0).all()


def make_cases(rng, count):
    """Cases whose true candidates have larger values, more or less; each true one is a tumor of its own."""
    for number in range(count):
        true = np.array([True] + [False] * rng.integers(1, 4))
        measures = {name: rng.normal(true * 1.0) + 5 for name in CRITERIA}
        voxels = rng.integers(10, 90, len(true))
        shared = np.where(true, voxels // 2, 0)
        yield CaseCandidates(f"case_{number}", measures, voxels, shared[None], shared, np.array([voxels[0]]), voxels[0])


def test_areas_thresholds_and_rules_case_by_case(rng):
    cases = list(make_cases(rng, 12))
    table = tabulate_criteria([*cases, *cases], seed=1).set_index("criterion")  # as if two splits test each
    assert (table["cases"] == 12).all()
    for name, percentiles in CRITERIA.items():
        values = np.concatenate([one.measures[name] for one in cases])
        true = np.concatenate([one.common > 0 for one in cases])
        pairs = values[true][:, None] - values[~true]
        assert table.loc[name, "auc"] == pytest.approx(((pairs > 0) + (pairs == 0) / 2).mean())
        assert table.loc[name, "low"] == pytest.approx(np.percentile(np.tile(values[true], 2), 5))
        kept_of = []
        for one in cases:
            others = np.concatenate([other.measures[name][other.common > 0] for other in cases if other is not one])
            low, high = np.percentile(np.tile(others, 2), percentiles)
            high = np.inf if percentiles[1] == 100 else high
            kept_of.append((low <= one.measures[name]) & (one.measures[name] <= high))
        dices = [
            2 * one.common[kept].sum() / (one.label_voxels + one.voxels[kept].sum())
            for one, kept in zip(cases, kept_of, strict=True)
        ]
        assert table.loc[name, "dice"] == pytest.approx(np.mean(dices))
        assert table.loc[name, "emptied"] == pytest.approx(np.mean([not kept.any() for kept in kept_of]))
        assert table.loc[name, "sensitivity"] == pytest.approx(np.mean([kept[0] for kept in kept_of]))
        assert table.loc[name, "false_per_case"] == pytest.approx(np.mean([kept[1:].sum() for kept in kept_of]))
        assert table.loc[name, "dice_low"] < table.loc[name, "dice"] < table.loc[name, "dice_high"]
