"""The first page of the report, in HTML: the effect, the results, the paper's claims, and what made them."""

from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from kidney_tumor import provenance
from kidney_tumor.analysis.claims import NOT_STATED
from kidney_tumor.analysis.statistics import format_p
from kidney_tumor.analysis.summary import describe_effect
from kidney_tumor.report.templates import fill
from kidney_tumor.tables import read_tables

TABLES = ("effect", "dice", "trace_summary")
FIGURES = ("fig3", "references", "ablation")
UNCHECKED = "cannot be checked: "


def write_page(
    template: Path,
    folder: Path,
    viewers: Sequence[str],
    records: Mapping[str, Mapping[str, Any]],
    changes: Mapping[str, Sequence[Any]],
    deviations: Collection[str],
    **parts: Any,
) -> str:
    """Write the page.

    Args:
        template: `first_page.html`.
        folder: The folder of the run, with its tables and figures.
        viewers: The pages on which the test cases are looked at, by their paths from the folder.
        records: What `train.py` recorded, by the name of each network.
        changes: The changed keys that `configuration.list_changes` returns.
        deviations: The keys among them whose values the paper states.
        parts: What else the template shows: `run`, the run's name; `style`, a stylesheet; `is_phantom`.
    """
    claims = read_tables([folder / "summary.tsv"], texts=["claim", "section", "paper", "here", "verdict"])
    judged, reasons = sort_claims(claims)
    return fill(
        template,
        **{name: read_tables([folder / f"{name}.tsv"]).to_dict("records") for name in TABLES},
        **{f"{name}_svg": b64encode((folder / "figures" / f"{name}.svg").read_bytes()).decode() for name in FIGURES},
        describe_effect=describe_effect,
        format_p=format_p,
        viewers=viewers,
        judged=judged.to_dict("records"),
        reasons=reasons,
        commit=provenance.read_commit(),
        is_edited=provenance.has_uncommitted_changes(),
        date=datetime.now(UTC),
        records=records,
        changes=changes,
        deviations=deviations,
        **parts,
    )


def sort_claims(claims: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Sort the claims that `claims.check_claims` returns: those judged, and for each reason those that are not."""
    unchecked = claims["verdict"].str.startswith(UNCHECKED)
    reasons = claims[unchecked].groupby(claims["verdict"].str.removeprefix(UNCHECKED), sort=False)["claim"].agg(list)
    return claims[~unchecked & (claims["verdict"] != NOT_STATED)], reasons.to_dict()
