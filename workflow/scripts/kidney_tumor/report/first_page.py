"""The first page of the report, in HTML: the effect, the results, the paper's claims, and what made them."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kidney_tumor import provenance
from kidney_tumor.analysis.claims import NOT_STATED
from kidney_tumor.analysis.statistics import format_p
from kidney_tumor.analysis.summary import describe_effect

import pandas as pd

UNCHECKED = "cannot be checked: "
SPACE = "\N{NO-BREAK SPACE}"


def show_effect(effect: pd.DataFrame, figure: Path) -> str:
    """Show what post-processing changed: in words, as the paper's Fig. 3, and as a table.

    Args:
        effect: The table that `summary.measure_effect` returns.
        figure: Fig. 3, an SVG file.
    """
    table = pd.DataFrame(
        {
            "target": _name_targets(effect),
            "cases": effect["n"],
            "rose": effect["improved"],
            "fell": effect["worsened"],
            "unchanged": effect["unchanged"],
            "mean change": _join_intervals(effect, "mean", "+.3f"),
            "median change": _join_intervals(effect, "median", "+.3f"),
            "p": [format_p(p).removeprefix("p ").removeprefix("= ") for p in effect["wilcoxon_p"]],
        }
    )
    return _join(
        "<h2>What does post-processing change?</h2>",
        *(f"<p><strong>{escape(describe_effect(row))}</strong></p>" for _, row in effect.iterrows()),
        _show_figure(figure, "Box plots of Dice before and after post-processing"),
        "<p>The paper's Fig. 3: Dice of the test cases before (blue) and after (red) post-processing. In brackets, here"
        " and below: 95 % bootstrap intervals. p: signed-rank test. Higher or lower is said only where the interval"
        " of the mean change excludes 0 and p is below 0.05.</p>",
        _show_table(table),
    )


def show_dice(dice: pd.DataFrame) -> str:
    """Show the Dice over the test cases, as `summary.summarize_dice` returns it."""
    ordered = dice.sort_values("target", kind="stable")
    table = pd.DataFrame(
        {
            "target": _name_targets(ordered),
            "post-processing": ordered["stage"],
            "cases": ordered["n"],
            "mean Dice": _join_intervals(ordered, "mean", ".3f"),
            "median Dice": _join_intervals(ordered, "median", ".3f"),
            "found": ordered["found"],
            "emptied": ordered["emptied"],
        }
    )
    return _join(
        "<h2>How good are the segmentations?</h2>",
        _show_table(table),
        "<p>Found: cases with a Dice above 0. Emptied: cases in which post-processing removed all that was"
        " predicted.</p>",
    )


def show_references(figure: Path) -> str:
    """Show this run's Dice beside published results, an SVG file."""
    return _join(
        "<h2>Where does the paper stand?</h2>",
        _show_figure(figure, "Dice after post-processing beside the published Dice of other methods"),
        "<p>White diamonds: means of this run. Black diamonds: published means, not measured here, on other test cases"
        " and mostly by 3-D networks. <code>workflow/resources/references.tsv</code> has the source of each and"
        " what differs.</p>",
    )


def show_viewers(pages: Sequence[str]) -> str:
    """Link the pages on which the test cases are looked at, given by their paths from the run's folder."""
    links = [
        f'<a href="{escape(quote(page))}" target="_blank" rel="noopener">'
        f"{escape(page.removesuffix('.html').replace('viewers/', ''))}</a>"
        for page in pages
    ]
    return _join(
        "<h2>Look at each case</h2>",
        f"<p>{', '.join(links)}</p>",
        "<p>Planes and surfaces of each test case, with truth, before and after post-processing as layers. Each page"
        " works offline; the links hold where this report lies in the run's folder.</p>",
    )


def show_claims(claims: pd.DataFrame) -> str:
    """Show the verdicts on the paper's claims, and say once for each reason why others are not judged.

    Args:
        claims: The table that `claims.check_claims` returns.
    """
    unchecked = claims["verdict"].str.startswith(UNCHECKED)
    judged = claims[~unchecked & (claims["verdict"] != NOT_STATED)]
    reasons = claims[unchecked].groupby("verdict", sort=False)["claim"].agg(list)
    parts = ["<h2>Does the paper hold?</h2>"]
    if judged.empty:
        why = "; ".join(reason.removeprefix(UNCHECKED) for reason in reasons.index)
        return _join(*parts, f"<p>No claim of the paper is judged here: {escape(why)}.</p>")
    table = judged[["claim", "section", "paper", "here"]].assign(
        **{"95 % interval": _join_intervals(judged, None, ".4g"), "verdict": judged["verdict"]}
    )
    parts += [
        _show_table(table),
        "<p>A mean or median differs where the paper's figure lies outside the 95 % prediction interval for as many"
        " cases as the paper tested; otherwise the two are compatible.</p>",
    ]
    parts += [
        f"<p>Not judged, {escape(reason.removeprefix(UNCHECKED))}: {escape('; '.join(names))}.</p>"
        for reason, names in reasons.items()
    ]
    return _join(*parts)


def show_ceiling(ceiling: pd.DataFrame) -> str:
    """Show what each step of the method costs perfect networks, as `ceiling_summary.tsv` has it."""
    table = ceiling.assign(
        target=_name_targets(ceiling),
        **{name: _format(ceiling[name], ".3f") for name in ("mean", "median", "cost")},
    )
    return _join(
        "<h2>What limits the method?</h2>",
        "<p>What perfect networks would score: the true masks, their edges softened, sent through the method's own"
        " steps. Cost: the fall of the mean Dice. Emptied: cases that lose their whole target.</p>",
        _show_table(table),
    )


def show_ablation(figure: Path) -> str:
    """Show the Dice under other variants of the filter, from an SVG file."""
    return _join(
        "<h2>What does each constraint do?</h2>",
        "<p>The same predictions under other variants of the filter: mean Dice with 95 % bootstrap intervals.</p>",
        _show_figure(figure, "Mean Dice with each constraint of the filter off, and under other thresholds"),
    )


def show_origin(
    run: str, records: Mapping[str, Mapping[str, Any]], changes: Mapping[str, Sequence[Any]], deviations: Iterable[str]
) -> str:
    """Show what made the results: code, networks, and the settings that differ from config/config.yaml.

    Args:
        run: The name of the run.
        records: What `train.py` recorded, by the name of each network.
        changes: The changed keys that `configuration.list_changes` returns.
        deviations: The keys among them whose values the paper states.
    """
    commit = provenance.read_commit() or "unknown, since it is no git checkout"
    edited = ", with uncommitted changes" if provenance.has_uncommitted_changes() else ""
    facts = {
        "run": run,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "code": f"commit {commit}{edited}",
    } | {
        f"network: {name}": f"{record['device']}; trained {record['started']}, {record['epochs_run']} epochs in"
        f" {record['seconds']} s" + (f", by commit {record['commit']}" if record["commit"] != commit else "")
        for name, record in records.items()
    }
    stated = set(deviations)
    table = pd.DataFrame(
        [(key, here, there, "yes" if key in stated else "no") for key, (here, there) in changes.items()],
        columns=["setting", "here", "config.yaml", "stated in the paper"],
    )
    settings = "All settings are those of config/config.yaml, the paper's run."
    if changes:
        settings = "The settings that differ from config/config.yaml, the paper's run:"
    return _join(
        "<h2>What made these results?</h2>",
        _show_table(pd.DataFrame(facts.items()), header=False),
        f"<p>{settings}</p>",
        _show_table(table) if changes else "",
    )


def _join(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _show_table(table: pd.DataFrame, *, header: bool = True) -> str:
    """Show a table in a box of its own, which scrolls where the window is too narrow."""
    with pd.option_context("display.max_colwidth", None):
        html = table.to_html(index=False, header=header, border=0, na_rep="")
    return f'<div class="scroll">{html}</div>'


def _show_figure(path: Path, description: str) -> str:
    image = base64.b64encode(path.read_bytes()).decode()
    return f'<img src="data:image/svg+xml;base64,{image}" alt="{escape(description)}">'


def _name_targets(table: pd.DataFrame) -> pd.Series:
    return table["target"].str.replace("_", f"{SPACE}+{SPACE}")


def _format(values: pd.Series, style: str) -> pd.Series:
    return values.map(lambda value: "" if pd.isna(value) else format(value, style))


def _join_intervals(table: pd.DataFrame, name: str | None, style: str) -> pd.Series:
    """Join values with their intervals, `0.5 [0.4, 0.6]`, or the intervals alone; empty where there is none."""
    low, high = (_format(table[f"{name}_{end}" if name else end], style) for end in ("low", "high"))
    intervals = ("[" + low + f",{SPACE}" + high + "]").where(low != "", "")
    return (_format(table[name], style) + SPACE + intervals).str.strip() if name else intervals
