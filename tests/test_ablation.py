"""Each constraint of the filter off in turn, and sweeps: on masks whose answer is known, and on a finished run."""

import itertools

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import RESULTS, ROOT, TINY, merged

from kits.analysis.ablation import Setting
from kits.analysis.summary import compare_variants
from kits.data.nifti import read_label
from kits.filter import options as settings
from kits.filter.masks import RunLengthMask, read_mask
from kits.filter.postprocessing import derive_ratio_range, merge, postprocess

CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
COMPARED = settings.compared(CONFIG)
RATIOS = np.array([1.0, 1.2, 1.5, 2.0, 4.0])


def test_settings_of_the_paper():
    assert COMPARED[0] == {
        "fill_holes": "on", "kidney_components": "2", "min_component_voxels": "10", "percentiles": "5-95",
        "tumor_kidney_overlap": "0.95",
    }  # fmt: skip
    assert len({tuple(setting.items()) for setting in COMPARED}) == len(COMPARED)
    for key, off in settings.OFF.items():
        assert COMPARED[0] | {key: off} in COMPARED
    assert settings.OFF in COMPARED
    assert [s["percentiles"] for s in COMPARED if s | {"percentiles": "5-95"} == COMPARED[0]] == [
        "5-95", "off", "0-100", "1-99", "2.5-97.5", "10-90",
    ]  # fmt: skip


def test_settings_keep_every_digit():
    config = merged(CONFIG, postprocess={"percentiles": [0.00001, 99.0], "tumor_kidney_overlap": 0.9999999})
    base = settings.compared(config)[0]
    assert (base["percentiles"], base["tumor_kidney_overlap"]) == ("0.00001-99", "0.9999999")


@pytest.fixture
def masks(rng):
    """Raw masks with everything the filter looks at: holes, many components, odd shapes, little overlap."""
    blobs = rng.random((2, 10, 12, 14)) < 0.08
    kidney, tumor = (blob.repeat(2, 1).repeat(2, 2) | np.roll(blob.repeat(2, 1).repeat(2, 2), 1, 0) for blob in blobs)
    kidney[2:8, 4:20, 4:20] = True
    kidney[4, 10, 10] = False
    tumor[3:7, 8:14, 8:13] = True
    tumor[2:8, 15:20, 15:20] = False
    tumor[4, 16:19, 16:18] = True  # an accepted shape, of six voxels
    return kidney, tumor


def apply(masks, setting, closing_iterations=0):
    kidney, tumor = map(RunLengthMask.from_mask, masks)
    return Setting(**setting).apply(kidney, tumor, RATIOS, closing_iterations=closing_iterations).segmentation


def test_everything_on_is_the_filter(masks):
    expected = postprocess(*map(RunLengthMask.from_mask, masks), derive_ratio_range(RATIOS, [5, 95])).segmentation
    np.testing.assert_array_equal(apply(masks, COMPARED[0]), expected)
    closed = postprocess(
        *map(RunLengthMask.from_mask, masks), derive_ratio_range(RATIOS, [5, 95]), closing_iterations=1
    ).segmentation
    np.testing.assert_array_equal(apply(masks, COMPARED[0], closing_iterations=1), closed)


def test_everything_off_is_the_raw_masks_merged(masks):
    expected = np.where(masks[1], 2, masks[0]).astype(np.uint8)
    for closing in (0, 1):
        np.testing.assert_array_equal(apply(masks, settings.OFF, closing_iterations=closing), expected)
    np.testing.assert_array_equal(merge(*map(RunLengthMask.from_mask, masks)), expected)


@pytest.mark.parametrize("key", settings.OFF)
def test_each_constraint_alone_does_something(masks, key):
    everything, without = apply(masks, COMPARED[0]), apply(masks, COMPARED[0] | {key: settings.OFF[key]})
    assert not np.array_equal(everything, without)


def table(setting, *dices):
    rows = [
        (f"case_{n}", target, dice, int(dice > 0))
        for n, dice in enumerate(dices)
        for target in ("kidney_tumor", "tumor")
    ]
    return pd.DataFrame(rows, columns=["case", "target", "dice", "predicted_voxels"]).assign(**setting)


def test_summary_by_hand():
    base, off = COMPARED[0], COMPARED[0] | {"fill_holes": "off"}
    summary = compare_variants([table(base, 0.5, 0.7), table(off, 0.0, 0.6), table(settings.OFF, 1.0, 1.0)], seed=1)
    tumor = summary[summary["target"] == "tumor"].reset_index()
    assert tumor["changed"].tolist() == ["nothing", "fill_holes", "everything"]
    assert tumor["mean"].tolist() == pytest.approx([0.6, 0.3, 1.0])
    assert tumor["difference"].tolist() == pytest.approx([0, -0.3, 0.4])
    assert tumor["empty"].tolist() == [0, 1, 0]
    # Two cases change by -0.5 and -0.1, or by 0.5 and 0.3: a quarter of the resamples has one of them twice.
    assert tumor["difference_low"].tolist() == pytest.approx([0, -0.5, 0.3])
    assert tumor["difference_high"].tolist() == pytest.approx([0, -0.1, 0.5])


def test_differences_are_paired_by_case():
    """Widely different cases that all lose 0.05 leave no doubt; else the interval is that of every resample."""
    dices = np.array([0.1, 0.9, 0.5, 0.3, 0.7])
    changes = np.array([-0.05, -0.05, 0.1, 0.02, 0.3])
    off = COMPARED[0] | {"fill_holes": "off"}
    shuffled = table(settings.OFF, *(dices + changes)).sample(frac=1, random_state=1)
    rows = compare_settings([table(COMPARED[0], *dices), table(off, *(dices - 0.05)), shuffled], seed=1)
    constant, mixed = rows[rows["target"] == "tumor"].set_index("changed").loc[["fill_holes", "everything"]].iloc
    assert constant[["difference_low", "difference_high"]].tolist() == pytest.approx([-0.05, -0.05])
    means = [np.mean(sample) for sample in itertools.product(changes, repeat=5)]
    expected = np.percentile(means, [2.5, 97.5])
    assert mixed[["difference_low", "difference_high"]].tolist() == pytest.approx(expected, abs=0.011)


def test_the_configured_setting_gives_the_runs_scores(finished):
    results = finished.folder / RESULTS
    scores = pd.read_csv(results / "scores.tsv", sep="\t")
    after = scores[scores["stage"] == "after"].groupby("target")["dice"].mean()
    ablation = pd.read_csv(results / "ablation.tsv", sep="\t")
    configured = ablation[ablation["changed"] == "nothing"].set_index("target")
    assert configured["mean"].to_dict() == pytest.approx(after.to_dict(), abs=2e-6)
    path = results / "ablation" / "/".join(f"{key}~{value}" for key, value in COMPARED[0].items())
    path = path.with_name(f"{path.name}.tsv")
    single = pd.read_csv(path, sep="\t").set_index(["case", "target"])["dice"]
    pd.testing.assert_series_equal(
        single.sort_index(), scores[scores["stage"] == "after"].set_index(["case", "target"])["dice"].sort_index()
    )


def test_everything_on_is_the_runs_segmentation_voxel_for_voxel(finished):
    results = finished.folder / RESULTS
    ratios = pd.read_csv(results / "tumor_components.tsv", sep="\t")["ratio"].to_numpy()
    for folder in sorted((results / "predictions").iterdir()):
        raw = [read_mask(folder / f"{target}.nii.gz") for target in ("kidney", "tumor")]
        expected = read_label(results / "segmentations" / f"{folder.name}.nii.gz")
        found = Setting(**COMPARED[0]).apply(*raw, ratios, closing_iterations=0).segmentation
        np.testing.assert_array_equal(found, expected)


def test_another_sweep_reruns_nothing_else(finished):
    planned = finished.planned(merged(TINY, sensitivity={"tumor_kidney_overlap": [0.5, 0.7]}))
    assert planned == {"ablate": 1, "ablation": 1, "all": 1, "total": 3}
    planned = finished.planned(merged(TINY, sensitivity={"percentiles": [[20, 80]]}))
    assert planned == {"ablate": 1, "ablation": 1, "all": 1, "total": 3}
