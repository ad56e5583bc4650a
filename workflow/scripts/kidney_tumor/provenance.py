"""What a run was: code, configuration, software, devices, times.

This module is light on purpose: the Snakefile imports it.
"""

import csv
import json
import platform
import re
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from kidney_tumor.files import write_json


def write_provenance(run: str, config: Mapping[str, Any], started: float) -> None:
    """Write `provenance.json` into a run's folder. Its models are `kidney`, or `split_1/kidney` with several splits.

    Args:
        run: The folder of the run.
        config: The full configuration.
        started: When the last snakemake command began, in seconds since 1970. The rules' times include earlier jobs.
    """
    folder = Path(run)
    splits = config["split"]["repeats"]
    parts = [f"split_{number}/" for number in range(1, splits + 1)] if splits > 1 else [""]
    found = [(part, path) for part in parts for path in sorted((folder / part).glob("models/*.json"))]
    records = {f"{part}{path.stem}": json.loads(path.read_text()) for part, path in found}
    trained = {name: record for name, record in records.items() if "epochs_run" in record}  # others lie there, too
    content = {
        "commit": read_commit(),
        "uncommitted_changes": has_uncommitted_changes(),
        "config": config,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(sorted((d.metadata["Name"], d.version) for d in distributions())),
        "models": {
            name: {key: record[key] for key in ("commit", "device", "versions", "started", "seconds", "epochs_run")}
            for name, record in trained.items()
        },
        "last_command": {"started": _format_utc(started), "finished": _format_utc(time.time())},
        "rules": _sum_rule_times(folder / "benchmarks"),
    }
    write_json(folder / "provenance.json", content)


def read_commit() -> str | None:
    """Read the commit of this code; None where it is no git checkout."""
    return _ask_git("rev-parse", "HEAD")


def has_uncommitted_changes() -> bool | None:
    """Return whether a file of this code differs from the commit; None where it is no git checkout."""
    changes = _ask_git("status", "--porcelain", "--untracked-files=no")
    return None if changes is None else bool(changes)


def _format_utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _ask_git(*arguments: str) -> str | None:
    """Ask git about this code; None where it is no checkout, but a copy in another repository for example."""
    root = Path(__file__).parents[3]

    def ask(*words: str) -> str:
        command = ["git", "-C", str(root), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return ask(*arguments) if root.samefile(ask("rev-parse", "--show-toplevel")) else None
    except (OSError, subprocess.CalledProcessError):
        return None


def _sum_rule_times(benchmarks: Path) -> dict[str, dict[str, float]]:
    """Sum the jobs and seconds of each rule that Snakemake timed, over all runs that made the present files."""
    times: dict[str, dict[str, float]] = {}
    for path in sorted(benchmarks.rglob("*.tsv")):
        parts = path.relative_to(benchmarks).with_suffix("").parts
        rule = next(part for part in parts if not re.fullmatch(r"split_\d+", part))  # several splits have folders
        with path.open(newline="") as file:
            seconds = sum(float(row["s"]) for row in csv.DictReader(file, delimiter="\t"))
        total = times.setdefault(rule, {"jobs": 0, "seconds": 0.0})
        total["jobs"] += 1
        total["seconds"] = round(total["seconds"] + seconds, 2)
    return times
