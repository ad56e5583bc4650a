"""The model card of trained networks: what they are, what they were trained on, how good they are, what not to do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from kidney_tumor.data.slices import LOWER_HALF
from kidney_tumor.report.templates import fill
from kidney_tumor.scans.plausibility import HU, LENGTHS


def write_card(
    template: Path,
    manifest: Mapping[str, Any],
    records: Mapping[str, Mapping[str, Any]],
    ratios: Mapping[str, Any],
    dice: pd.DataFrame,
    splits: int = 1,
) -> str:
    """Write the card, in Markdown.

    Args:
        template: `model_card.md`.
        manifest: The manifest of the networks, `model.json`.
        records: The record of each network, `kidney.json` and `tumor.json`, by its name.
        ratios: The accepted range of eigenvalue ratios, `ratio_range.json`.
        dice: The Dice over the test cases, as `summary.summarize_dice` returns it.
        splits: The number of splits over which it is pooled, each with networks of its own.
    """
    return fill(
        template,
        manifest=manifest,
        records=records,
        ratios=ratios,
        dice=dice.to_dict("records"),
        splits=splits,
        lengths=LENGTHS,
        hu=HU,
        lower_half=LOWER_HALF,
    )
