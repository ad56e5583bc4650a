"""The model card of trained networks: what they are, what they were trained on, how good they are, what not to do."""

from collections.abc import Iterator, Mapping
from typing import Any

from kidney_tumor.data.slices import LOWER_HALF
from kidney_tumor.scans.plausibility import HU, LENGTHS

import pandas as pd

DATA = {
    "kits19": (
        "labeled cases in KiTS19's layout. If they are KiTS19's own, they and these networks are under CC BY-NC-SA "
        "4.0: attribution, no commercial use, share alike (Heller et al., The KiTS19 Challenge Data, 2019)."
    ),
    "phantom": "generated phantoms, bodies of ellipsoids: networks to try the workflow with, which know no patient.",
}

SETTINGS = {
    "input, pixels": ["input_pixels"],
    "HU window": ["hu_window"],
    "network": ["network"],
    "training": ["training"],
    "slices": ["training_slices"],
    "epochs, best": ["epochs_run", "best_epoch"],
    "device": ["device"],
}
"""The rows of the card's table of settings, and the keys of a network's record that each shows."""


def write_card(
    manifest: Mapping[str, Any],
    records: Mapping[str, Mapping[str, Any]],
    ratios: Mapping[str, Any],
    dice: pd.DataFrame,
    splits: int = 1,
) -> str:
    """Write the card, in Markdown.

    Args:
        manifest: The manifest of the networks, `model.json`.
        records: The record of each network, `kidney.json` and `tumor.json`, by its name.
        ratios: The accepted range of eigenvalue ratios, `ratio_range.json`.
        dice: The Dice over the test cases, as `summary.summarize_dice` returns it.
        splits: The number of splits over which it is pooled, each with networks of its own.
    """
    pooled = f"Pooled over {splits} splits, each with networks of its own, these among them. " if splits > 1 else ""
    cohort, followed = manifest["cohort"], len(records["kidney"].get("validation_cases", []))
    chose = f" {followed} of them were not trained on, but chose the weights." if followed else ""
    parts = [
        "# Kidney and tumor networks",
        "Two 2-D U-Nets and a statistical filter after Paolucci (arXiv 2002.10727): they mark kidneys and kidney "
        "tumors in axial abdominal CT.",
        "## Intended use",
        "Research only. Not a medical device, not for diagnosis or treatment, and no substitute for a radiologist.",
        "## Data",
        f"Trained on {cohort['cases']} {DATA[manifest['source']]}{chose}",
        _make_table(
            ["of the training cases", "lowest", "highest"],
            [
                [name, f"{cohort[key][0]:g}", f"{cohort[key][1]:g}"]
                for key, name in _name_quantities().items()
            ],
        ),
        "## Dice on the test cases",
        *_list_failures(dice),
        _make_table(
            ["target", "post-processing", "cases", "mean [95 % interval]", "median [95 % interval]"],
            [_show_dice(row) for _, row in dice.iterrows()],
        ),
        f"{pooled}The test cases are of the same cohort as the training cases; on scans from elsewhere expect less.",
        "## Settings",
        _make_table(["", *records], list(_list_settings(records))),
        f"Accepted eigenvalue ratios of a tumor: {_describe_ratios(ratios)}. Code: commit {manifest['commit']}.",
        "## Limits",
        "\n".join(_list_limits(records)),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _show_dice(row: pd.Series) -> list[str]:
    name = str(row["target"]).replace("_", " + ")
    return [name, row["stage"], f"{row['n']:.0f}", *(_show_interval(row, key) for key in ("mean", "median"))]


def _list_settings(records: Mapping[str, Mapping[str, Any]]) -> Iterator[list[str]]:
    for name, keys in SETTINGS.items():
        yield [name, *(", ".join(_show(record[key]) for key in keys) for record in records.values())]


def _list_failures(dice: pd.DataFrame) -> Iterator[str]:
    """List the targets that were found in no test case after post-processing."""
    for _, row in dice.iterrows():
        if row["stage"] == "after" and row["n"] and not row["found"]:
            name = str(row["target"]).replace("_", " + ").capitalize()
            yield (
                f"**{name}: nothing was found, Dice is 0 in all {row['n']:.0f} test cases after post-processing. "
                "These networks are of no use for it.**"
            )


def _list_limits(records: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if not records["kidney"]["training"]["negatives"]:
        yield (
            "- The networks saw slices that show their target only; on others they find kidneys that are not there. "
            "The filter keeps the two largest."
        )
    if records["tumor"]["tumor_rows"] == LOWER_HALF:
        yield "- The tumor network sees the lower half of each slice; a tumor in front of it is missed."
    yield (
        "- Contrast phase, scanner, patients and diseases are those of the cohort. A scan far outside the ranges above "
        "is segmented with a warning."
    )
    yield (
        "- A tumor of an unusual shape is removed by design (range of ratios, unless `postprocess.percentiles` is "
        "null); `candidates.tsv` names what was."
    )


def _describe_ratios(ratios: Mapping[str, Any]) -> str:
    if ratios["percentiles"] is None:
        return "all"
    source = f"the percentiles {_show(ratios['percentiles'])} of {ratios['components']} labeled tumors"
    return f"{ratios['low']:.4g} to {ratios['high']:.4g}, {source}"


def _name_quantities() -> dict[str, str]:
    lengths = {key: f"{name}, mm" for key, name in LENGTHS.items()}
    return lengths | {key: f"{name}, HU" for key, name in HU.items()} | {"kidney_ml": "both kidneys, mL"}


def _show_interval(row: pd.Series, key: str) -> str:
    return f"{row[key]:.3f} [{row[f'{key}_low']:.3f}, {row[f'{key}_high']:.3f}]"


def _make_table(header: list[str], rows: list[list[str]]) -> str:
    """Make a table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))


def _show(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_show(item)}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
