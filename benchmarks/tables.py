"""Write the tables of docs/performance.md and docs/beyond.md from the JSON files of the benchmarks."""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "performance.md"
DOCUMENTS = (DOCUMENT, ROOT / "docs" / "beyond.md")
FLOP = 3 * 96.2e9 * 50 * (16334 + 5362 / 2) * 190 / 210
"""The FLOP of both trainings of the paper: three forward passes for each slice, in 50 epochs, with 190 of 210 cases.

PyTorch counts 96.2 GFLOP for a forward pass of 256 by 256 pixels; the tumor network sees half of them. In the 210 label
volumes 16334 slices show a kidney, and the lower half of 5362 shows a tumor."""
COHORT = {"minutes": "minutes", "cores": "cores", "busy_share": "cores busy", "images": "images, GB",
          "slices": "slices, GB", "results": "all results, GB", "snakemake": "Snakemake's records, GB"}  # fmt: skip
RULE = {"rule": "rule", "jobs": "jobs", "seconds": "all of them, s", "longest": "the longest, s",
        "peak_mb": "peak memory, MB", "asked_mb": "asked, MB"}  # fmt: skip
"""The columns of tables: the key of each, and its head."""
SHOWN = 5
"""The number of rules that the table of the cohort has, those that take longest."""


def format_value(value: object) -> str:
    """Format a number with three digits or as a whole one, or a summary as its median and both its ends."""
    if isinstance(value, dict):
        median, low, high = (format_value(value[key]) for key in ("median", "low", "high"))
        return f"{median} ({low} to {high})"
    return str(value) if isinstance(value, str) else f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def make_table(head: list[str], rows: list[list[object]]) -> str:
    """Make a Markdown table from its head and rows."""
    lines = ["| " + " | ".join(map(str, line)) + " |" for line in [head, *rows]]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines)


def tabulate(records: list[dict], columns: dict[str, str]) -> str:
    """Make a table with a row for each record."""
    return make_table([*columns.values()], [[format_value(record[key]) for key in columns] for record in records])


def describe_source(record: dict, facts: str = "") -> str:
    """Describe what a benchmark measured if `facts` says it, where and when it ran, and with which command."""
    machine = record["machine"]
    place = f"{machine['cpu']}, {machine['cores']} core{'s' * (machine['cores'] > 1)}, {machine['memory_gib']} GiB"
    if "device" in record:
        place += f", on {record['device']}"
    return f"\n\n*Measured: {facts}{place}; {record['date']}; commit `{record['commit']}`; `{record['command']}`.*"


def tabulate_ratios(*records: dict, slower: bool = False) -> str:
    """Make a table of how many times as fast as the reference, or as long, each contender is, by comparison."""
    comparisons = [comparison for record in records for comparison in record["comparisons"]]
    titles = [one.get("case") or f"{one['size']} by {one['size']} pixels" for one in comparisons]
    names = [row["name"] for row in comparisons[0]["rows"]]
    rows = [[name, *(format_ratio(one, name, slower) for one in comparisons)] for name in names]
    if "peak_mib" in comparisons[0]:
        rows.append(["peak memory of the script, MiB", *(one["peak_mib"] for one in comparisons)])
    head = ["times as long" if slower else "times as fast", *titles]
    return make_table(head, rows) + "".join(map(describe_source, records))


def format_ratio(comparison: dict, name: str, slower: bool) -> str:
    """Format the ratio of a contender, empty if it did not run; for the reference, its seconds too."""
    row = next((row for row in comparison["rows"] if row["name"] == name), None)
    if row is None:
        return ""
    if name == comparison["reference"]:
        return f"1 ({format_value(row['seconds']['median'])} s)"
    ends = {"median": "median", "low": "high", "high": "low"}
    return format_value({key: 1 / row["ratio"][end] for key, end in ends.items()} if slower else row["ratio"])


def tabulate_scans(record: dict) -> str:
    """Make the table of how many times as long each stage takes on a scan that is stored otherwise than the first."""
    rows = []
    for stage in dict.fromkeys(row["stage"] for row in record["stages"]):
        first, *others = here = [row for row in record["stages"] if row["stage"] == stage]
        ratios = [format_value(row["times_the_reference"]) for row in others]
        reference = f"1 ({format_value(first['seconds']['median'])} s)"
        rows.append([f"`{stage}`", reference, *ratios, max(row["peak_mib"] for row in here)])
    head = ["times as long", *(row["scan"] for row in here), "largest peak memory, MiB"]
    return make_table(head, rows) + describe_source(record)


def tabulate_cohort(record: dict) -> str:
    """Make the tables of what a run of the paper's size takes, whole and by rule."""
    whole = record | {"minutes": record["wall_seconds"] / 60}
    whole |= {name: size / 1e9 for name, size in record["bytes"].items()}
    rules = tabulate(record["rules"][:SHOWN], RULE)
    return f"{tabulate([whole], COHORT)}\n\n{rules}{describe_source(record)}"


def describe_projection(record: dict) -> str:
    """Describe what both trainings of the paper's run take at the rate of the matrix product that a record has."""
    hours = FLOP / (16e9 * record["matmul_gflop_s"]) / 3600
    return (
        f"Both trainings are {FLOP:.2g} FLOP: for 15 minutes, {format_value(FLOP / 900e12)} TFLOP/s are required; 16 "
        f"cores take more than {format_value(hours)} hours, which they would at the rate of the matrix product."
    )


def tabulate_switches(record: dict) -> str:
    """Make a table of the Dice after post-processing with each setting, and its change against the first.

    A change has its interval over cases, and behind it that over trainings, where there are several.
    """
    head = ["", "kidney + tumor", "change [95 % interval]", "tumor", "change [95 % interval]", "emptied"]
    rows = []
    for row in record["comparisons"]:
        name = f"`{row['setting']}`" if ":" in row["setting"] or "/" in row["setting"] else row["setting"]
        cells = [name]
        for target in ("kidney_tumor", "tumor"):
            dice = row[f"after_{target}"]
            change = f"{dice['change']:+.3f} [{dice['low']:+.3f}, {dice['high']:+.3f}]"
            change += f" [{dice['seeds_low']:+.3f}, {dice['seeds_high']:+.3f}]" if "seeds_low" in dice else ""
            cells += [f"{dice['dice']:.3f}", "" if row is record["comparisons"][0] else change]
        rows.append([*cells, f"{row['emptied']:.0%}"])
    facts = f"n = {record['test_cases']} cases, training seeds {', '.join(map(str, record['seeds']))}; "
    return make_table(head, rows) + describe_source(record, facts)


def render(document: str) -> str:
    """Return the document with every table made anew from the JSON files."""
    folder = ROOT / "benchmarks" / "results"
    records = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    made = {
        "training": lambda: tabulate_ratios(records["training"], records["training_large"]),
        "inference": lambda: tabulate_ratios(records["inference"]),
        "extraction": lambda: tabulate_ratios(records["extraction"], slower=True),
        "postprocessing": lambda: tabulate_ratios(records["postprocessing"]),
        "scans": lambda: tabulate_scans(records["scans"]),
        "cohort": lambda: tabulate_cohort(records["cohort"]),
        "projection": lambda: describe_projection(records["training"]),
        "phantoms": lambda: tabulate_switches(records["beyond_phantoms"]),
    }
    return re.sub(
        r"(<!-- (\w+) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{made[found[2]]()}\n{found[3]}",
        document,
        flags=re.DOTALL,
    )


def main(arguments: argparse.Namespace) -> None:
    for path in DOCUMENTS:
        before = path.read_text()
        after = render(before)
        if arguments.check and after != before:
            sys.exit(f"docs/{path.name} differs from the benchmarks' JSON; run python benchmarks/tables.py")
        if not arguments.check:
            path.write_text(after)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the tables are out of date, and write nothing")
    main(parser.parse_args())
