"""The folder of trained networks: its manifest and its model card, against the files they speak of."""

import hashlib
import json
import re

import numpy as np
import pandas as pd
from conftest import RESOURCES, RESULTS, list_training_cases

from kidney_tumor.report.model_card import write_card

TEMPLATE = RESOURCES / "model_card.md"


def test_the_manifest_is_true(finished):
    results = finished.folder / RESULTS
    manifest = json.loads((results / "models" / "model.json").read_text())
    assert set(manifest["sha256"]) == {"kidney.safetensors", "tumor.safetensors", "ratio_range.json"}
    for name, checksum in manifest["sha256"].items():
        assert hashlib.sha256((results / "models" / name).read_bytes()).hexdigest() == checksum
    assert (results / "models" / "ratio_range.json").read_bytes() == (results / "ratio_range.json").read_bytes()
    cases = list_training_cases(results)
    assert manifest["cohort"]["cases"] == len(cases)
    records = [json.loads((results / "slices" / case / "slices.json").read_text()) for case in cases]
    heights = [record["shape"][0] * np.linalg.norm(np.array(record["affine"])[:3, 0]) for record in records]
    np.testing.assert_allclose(manifest["cohort"]["height_mm"], [min(heights), max(heights)], atol=1e-3)
    volumes = (
        pd.read_csv(results / "morphometry.tsv", sep="\t").query("stage == 'truth'").set_index("case")["kidney_ml"]
    )
    np.testing.assert_allclose(manifest["cohort"]["kidney_ml"], [volumes[cases].min(), volumes[cases].max()], atol=1e-3)
    assert manifest["size"] == 32
    assert manifest["source"] == "phantom"


def test_the_card_says_what_matters(finished):
    results = finished.folder / RESULTS
    card = (results / "models" / "README.md").read_text()
    for text in ("Research only", "not for diagnosis", "Trained on 3 generated phantoms", "HU window", "## Limits"):
        assert text in card
    for row in pd.read_csv(results / "dice.tsv", sep="\t").itertuples():
        target = row.target.replace("_", r" \+ ")
        (shown,) = re.findall(rf"^\| {target} \| {row.stage} \| (\d+) \| (.*?) \[(.*?), (.*?)\]", card, re.MULTILINE)
        expected = (str(row.n), *(f"{value:.3f}" for value in (row.mean, row.mean_low, row.mean_high)))
        assert shown == expected
    assert "sees the lower half" in card
    assert "show their target only" in card
    ratios = json.loads((results / "ratio_range.json").read_text())
    assert f"{ratios['low']:.4g} to {ratios['high']:.4g}" in card


def test_the_card_has_the_limits_of_its_networks(finished):
    models = finished.folder / RESULTS / "models"
    manifest, ratios, *records = (
        json.loads((models / f"{name}.json").read_text()) for name in ("model", "ratio_range", "kidney", "tumor")
    )
    for record in records:
        record |= {"tumor_rows": "all", "training": record["training"] | {"negatives": 0.5}}
        record["validation_cases"] = record["training_cases"][:1]
    ratios |= {"low": None, "high": None, "percentiles": None}
    card = write_card(TEMPLATE, manifest, dict(zip(("kidney", "tumor"), records, strict=True)), ratios, pd.DataFrame())
    assert "## Limits" in card
    assert "lower half" not in card
    assert "show their target only" not in card
    assert "1 of them were not trained on, but chose the weights" in card
    assert "Accepted eigenvalue ratios of a tumor:\nall.\n" in card


def test_the_card_says_that_nothing_was_found(finished):
    models = finished.folder / RESULTS / "models"
    manifest, ratios, *records = (
        json.loads((models / f"{name}.json").read_text()) for name in ("model", "ratio_range", "kidney", "tumor")
    )
    records = dict(zip(("kidney", "tumor"), records, strict=True))
    dice = pd.read_csv(finished.folder / RESULTS / "dice.tsv", sep="\t")
    failed = dice.copy()
    failed.loc[failed["target"] == "tumor", ["found", "mean", "median"]] = 0
    says = "**Tumor: nothing was found, Dice is 0 in all 2 test cases after post-processing."
    assert write_card(TEMPLATE, manifest, records, ratios, failed).count(says) == 1
    dice["found"] = 1
    assert "nothing was found" not in write_card(TEMPLATE, manifest, records, ratios, dice)
