"""Each constraint of the filter off in turn, and sweeps: on masks whose answer is known, and on a finished run."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import RESULTS, ROOT, TINY, merged, run_script, save

from kidney_tumor.analysis.ablation import apply_variant
from kidney_tumor.analysis.summary import compare_variants
from kidney_tumor.data.stages import merge
from kidney_tumor.filter.constraints import OFF, RatioRange
from kidney_tumor.filter.postprocessing import derive_ratio_range, postprocess
from kidney_tumor.filter.variants import OFF_TEXTS, format_options, list_variants, name_change
from kidney_tumor.volumes.labels import read_label
from kidney_tumor.volumes.masks import RunLengthMask, read_mask

CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
VARIANTS = list_variants(CONFIG)
CONFIGURED = VARIANTS[0]
EVERYTHING_OFF = replace(CONFIGURED, **OFF)
HOLES = replace(CONFIGURED, fill_holes=False)
SPACING = (3.0, 0.75, 0.75)
RATIOS = np.array([1.0, 1.2, 1.5, 2.0, 4.0])


def test_variants_of_the_paper():
    paper = {
        "percentiles": (5, 95), "kidney_components": 2, "min_component_voxels": 10, "tumor_kidney_overlap": 0.95,
        "fill_holes": True, "keep_best": False,
    }  # fmt: skip
    assert paper.items() <= vars(CONFIGURED).items()
    assert len(set(VARIANTS)) == len(VARIANTS)
    for name, off in OFF.items():
        assert replace(CONFIGURED, **{name: off}) in VARIANTS
    assert EVERYTHING_OFF in VARIANTS
    assert [variant.percentiles for variant in VARIANTS if replace(variant, percentiles=(5, 95)) == CONFIGURED] == [
        (5, 95), None, (0, 100), (1, 99), (2.5, 97.5), (10, 90),
    ]  # fmt: skip


def test_variants_keep_what_is_configured():
    config = merged(CONFIG, postprocess={"percentiles": [0, 100], "keep_best": True})
    variants = list_variants(config)
    assert variants[0].percentiles == (0, 100)
    assert {variant.keep_best for variant in variants} == {True}
    assert replace(variants[0], percentiles=(5, 95)) in variants


def test_variants_as_text():
    configured, everything_off = format_options(CONFIGURED), format_options(EVERYTHING_OFF)
    assert configured.items() >= {
        "fill_holes": "on", "kidney_components": "2", "min_component_voxels": "10", "percentiles": "5-95",
        "tumor_kidney_overlap": "0.95",
    }.items()  # fmt: skip
    assert everything_off.items() >= {
        "fill_holes": "off", "kidney_components": "off", "min_component_voxels": "1", "percentiles": "off",
        "tumor_kidney_overlap": "0",
    }.items()  # fmt: skip
    assert len({tuple(format_options(variant).values()) for variant in VARIANTS}) == len(VARIANTS)


def test_variants_keep_every_digit():
    config = merged(CONFIG, postprocess={"percentiles": [0.00001, 99.0], "tumor_kidney_overlap": 0.9999999})
    text = format_options(list_variants(config)[0])
    assert (text["percentiles"], text["tumor_kidney_overlap"]) == ("0.00001-99", "0.9999999")


def test_what_a_variant_changes():
    configured, everything_off = format_options(CONFIGURED), format_options(EVERYTHING_OFF)
    assert everything_off == OFF_TEXTS
    assert name_change(configured, configured) == "nothing"
    assert name_change(configured | {"percentiles": "off"}, configured) == "percentiles"
    assert name_change(configured | {"tumor_kidney_overlap": "0.5"}, configured) == "tumor_kidney_overlap"
    assert name_change(everything_off, configured) == "everything"


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


def apply(masks, variant):
    return apply_variant(*map(RunLengthMask.from_mask, masks), SPACING, RATIOS, "voxel", variant).segmentation


def test_everything_on_is_the_filter(masks):
    accepted = RatioRange(*derive_ratio_range(RATIOS, [5, 95]), "voxel")
    expected = postprocess(*map(RunLengthMask.from_mask, masks), SPACING, accepted, CONFIGURED).segmentation
    np.testing.assert_array_equal(apply(masks, CONFIGURED), expected)


def test_everything_off_is_the_raw_masks_merged(masks):
    expected = np.where(masks[1], 2, masks[0]).astype(np.uint8)
    np.testing.assert_array_equal(apply(masks, EVERYTHING_OFF), expected)
    np.testing.assert_array_equal(merge(*map(RunLengthMask.from_mask, masks)), expected)


@pytest.mark.parametrize("name", [name for name, off in OFF.items() if getattr(CONFIGURED, name) != off])
def test_each_constraint_alone_does_something(masks, name):
    without = replace(CONFIGURED, **{name: OFF[name]})
    assert not np.array_equal(apply(masks, CONFIGURED), apply(masks, without))


def test_the_script_scores_each_variant_with_the_ratios_of_the_counted_cases(masks, tmp_path):
    """The case's Dice is counted voxel by voxel; another case's tumor would widen the range."""
    save(tmp_path / "segmentation.nii.gz", np.where(masks[1], 2, masks[0]).astype(np.uint8)[:, ::-1].copy())
    for name, mask in zip(("kidney", "tumor"), masks, strict=True):
        save(tmp_path / f"{name}.nii.gz", mask.astype(np.uint8))
    rows = [("case_00000", ratio) for ratio in RATIOS] + [("case_00001", 9.0)]
    pd.DataFrame(rows, columns=["case", "ratio_voxel"]).to_csv(tmp_path / "components.tsv", sep="\t", index=False)
    files = ["--label", "segmentation.nii.gz", "--kidney", "kidney.nii.gz", "--tumor", "tumor.nii.gz"]
    given = ["--components", "components.tsv", "--cases", "case_00000", "--ratio-unit", "voxel"]
    texts = [json.dumps(vars(variant)) for variant in VARIANTS]
    result = run_script(
        "ablate", "--case", "case_00007", *files, *given, "--variants", *texts, "--output", "a.tsv", cwd=tmp_path
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = pd.read_csv(tmp_path / "a.tsv", sep="\t", dtype=dict.fromkeys(OFF, str))
    assert set(found["case"]) == {"case_00007"}
    label = read_label(tmp_path / "segmentation.nii.gz")
    for variant, (_, of_variant) in zip(VARIANTS, found.groupby(list(OFF), sort=False), strict=True):
        assert of_variant[list(OFF)].iloc[0].to_dict() == format_options(variant)
        left = apply(masks, variant)
        for lowest, (_, row) in zip((1, 2), of_variant.iterrows(), strict=True):
            true, seen = label >= lowest, left >= lowest
            assert row["predicted_voxels"] == seen.sum()
            assert row["dice"] == pytest.approx(2 * (true & seen).sum() / (true.sum() + seen.sum()), abs=1e-6)


def table(*dices, variant=CONFIGURED):
    rows = [
        (f"case_{n}", target, dice, int(dice > 0))
        for n, dice in enumerate(dices)
        for target in ("kidney_tumor", "tumor")
    ]
    return pd.DataFrame(rows, columns=["case", "target", "dice", "predicted_voxels"]).assign(**format_options(variant))


def test_summary_by_hand():
    changed = [table(0.0, 0.6, variant=HOLES), table(1.0, 1.0, variant=EVERYTHING_OFF)]
    summary = compare_variants([table(0.5, 0.7), *changed], seed=1)
    tumor = summary[summary["target"] == "tumor"].reset_index()
    assert tumor["fill_holes"].tolist() == ["on", "off", "off"]
    assert tumor["changed"].tolist() == ["nothing", "fill_holes", "everything"]
    assert tumor["mean"].tolist() == pytest.approx([0.6, 0.3, 1.0])
    assert tumor["difference"].tolist() == pytest.approx([0, -0.3, 0.4])
    assert tumor["empty"].tolist() == [0, 1, 0]
    # Two cases change by -0.5 and -0.1, or by 0.5 and 0.3: a quarter of the resamples has one of them twice.
    assert tumor["difference_low"].tolist() == pytest.approx([0, -0.5, 0.3])
    assert tumor["difference_high"].tolist() == pytest.approx([0, -0.1, 0.5])


def test_a_case_that_is_empty_in_one_of_its_splits_is_empty():
    splits = [table(0.5, 0.7, 0.0), table(0.0, 0.7, 0.0)]
    summary = compare_variants([pd.concat(splits)], seed=1)
    assert summary[["n", "empty"]].to_numpy().tolist() == [[3, 2], [3, 2]]


def test_differences_are_paired_by_case():
    """Widely different cases that all lose 0.05 leave no doubt; else the interval is that of every resample."""
    dices = np.array([0.1, 0.9, 0.5, 0.3, 0.7])
    changes = np.array([-0.05, -0.05, 0.1, 0.02, 0.3])
    shuffled = table(*(dices + changes), variant=EVERYTHING_OFF).sample(frac=1, random_state=1)
    rows = compare_variants([table(*dices), table(*(dices - 0.05), variant=HOLES), shuffled], seed=1)
    constant, mixed = rows[rows["target"] == "tumor"].set_index("changed").loc[["fill_holes", "everything"]].iloc
    assert constant[["difference_low", "difference_high"]].tolist() == pytest.approx([-0.05, -0.05])
    means = [np.mean(sample) for sample in itertools.product(changes, repeat=5)]
    expected = np.percentile(means, [2.5, 97.5])
    assert mixed[["difference_low", "difference_high"]].tolist() == pytest.approx(expected, abs=0.011)


def test_the_configured_variant_gives_the_runs_scores(finished):
    results = finished.folder / RESULTS
    scores = pd.read_csv(results / "scores.tsv", sep="\t")
    after = scores[scores["stage"] == "after"].groupby("target")["dice"].mean()
    ablation = pd.read_csv(results / "ablation.tsv", sep="\t")
    configured = ablation[ablation["changed"] == "nothing"].set_index("target")
    assert configured["mean"].to_dict() == pytest.approx(after.to_dict(), abs=2e-6)
    tables = [pd.read_csv(path, sep="\t", dtype=dict.fromkeys(OFF, str)) for path in results.glob("ablation/*.tsv")]
    read = pd.concat(tables, ignore_index=True)
    is_configured = (read[list(OFF)] == pd.Series(format_options(CONFIGURED))).all(axis=1)
    single = read[is_configured].set_index(["case", "target"])["dice"]
    pd.testing.assert_series_equal(
        single.sort_index(), scores[scores["stage"] == "after"].set_index(["case", "target"])["dice"].sort_index()
    )


def test_everything_on_is_the_runs_segmentation_voxel_for_voxel(finished):
    results = finished.folder / RESULTS
    ratios = pd.read_csv(results / "tumor_components.tsv", sep="\t")["ratio_voxel"].to_numpy()
    for folder in sorted((results / "predictions").iterdir()):
        raw = [read_mask(folder / f"{target}.nii.gz") for target in ("kidney", "tumor")]
        expected = read_label(results / "segmentations" / f"{folder.name}.nii.gz")
        np.testing.assert_array_equal(apply_variant(*raw, SPACING, ratios, "voxel", CONFIGURED).segmentation, expected)


@pytest.mark.slow
def test_another_sweep_reruns_nothing_else(finished):
    planned = finished.planned(merged(TINY, ablation={"tumor_kidney_overlap": [0.5, 0.7]}))
    assert planned == {"ablate": 2, "summarize_ablation": 1, "write_first_page": 1, "all": 1, "total": 5}
    planned = finished.planned(merged(TINY, ablation={"percentiles": [[20, 80]]}))
    assert planned == {"ablate": 2, "summarize_ablation": 1, "write_first_page": 1, "all": 1, "total": 5}
