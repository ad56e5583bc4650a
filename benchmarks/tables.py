"""Write the tables of docs/performance.md from the JSON files of the benchmarks."""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "performance.md"

CASES, TEST_CASES, TRAINING_SLICES, EPOCHS = 210, 20, 14800, 50
TUMOR_SLICES = 5200
"""Of the tumor network, by the label volumes of the 210 cases: a third of the kidney network's, half as large each."""


def number(value: float) -> str:
    """Three digits that matter, no more."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ranged(spread: dict[str, float]) -> str:
    """A median with its smallest and largest value."""
    return f"{number(spread['median'])} ({number(spread['low'])} to {number(spread['high'])})"


def table(head: list[str], rows: list[list[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def source(record: dict) -> str:
    """Where and when a benchmark ran, and with which command."""
    machine = record["machine"]
    place = machine["gpu"] or f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
    return f"\n\n*Measured: {place}; {record['date']}; commit `{record['commit']}`; `{record['command']}`.*"


def compared(record: dict, extra: dict[str, str] | None = None) -> str:
    """Seconds and ratios of a benchmark's contenders, one table for each of its comparisons."""
    tables = []
    for comparison in record["comparisons"]:
        head = ["", "seconds", "times as fast", *(extra or {}).values()]
        rows = [
            [row["name"], ranged(row["seconds"]), ranged(row["ratio"]), *(number(row[key]) for key in extra or {})]
            for row in comparison["rows"]
        ]
        title = f"**{comparison['case']}**\n\n" if "case" in comparison else ""
        job = comparison.get("job")
        below = (
            f"\n\nThe whole job, interpreter to output: {ranged(job['seconds'])} s, peak memory "
            f"{number(job['peak_mib']['high'])} MiB."
            if job
            else ""
        )
        tables.append(title + table(head, rows) + below)
    return "\n\n".join(tables) + source(record)


def extraction(record: dict) -> str:
    """As `compared`, with times the time of decompression, which bounds it from below."""
    tables = []
    for comparison in record["comparisons"]:
        rows = []
        for row in comparison["rows"]:
            ratio = row["ratio"]
            slower = {"median": 1 / ratio["median"], "low": 1 / ratio["high"], "high": 1 / ratio["low"]}
            rows.append([row["name"], ranged(row["seconds"]), ranged(slower)])
        head = ["", "seconds", "times the time of decompression"]
        job = comparison["job"]
        tables.append(
            f"**{comparison['case']}**, {number(sum(comparison['megabytes']))} MB\n\n{table(head, rows)}\n\nThe whole job,"
            f" interpreter to output: {ranged(job['seconds'])} s, peak memory {number(job['peak_mib']['high'])} MiB."
        )
    return "\n\n".join(tables) + source(record)


def training(record: dict) -> str:
    return compared(record, {"slices_per_second": "slices/s", "share_of_matmul": "share of matrix product"})


def compiled(record: dict) -> str:
    names = {"False": "eager", "True": "`torch.compile`"}
    rows = [[names[on], number(s["first"]), ranged(s["later"])] for on, s in record["compile"].items()]
    return table(["", "first epoch, s", "each later epoch, s"], rows)


def parts(record: dict) -> str:
    comparison = record["comparisons"][0]
    apart = comparison["apart"]
    rows = [[name, f"{apart[name]:.3f}"] for name in ("reading", "network", "writing", "a case")]
    several = next(int(key.removeprefix("job_of_")) for key in comparison if re.fullmatch(r"job_of_([2-9]|\d\d+)", key))
    rows.append(["a case / (reading + network + writing)", f"{apart['overhead']:.2f}"])
    rows.append(["the job of one case", ranged(comparison["job_of_1"]["seconds"])])
    rows.append([f"the job of {several} cases", ranged(comparison[f"job_of_{several}"]["seconds"])])
    return table(["", "seconds"], rows)


def growth(record: dict) -> str:
    cores = sorted({row["cores"] for row in record["growth"]})
    head = ["phantom cases", "jobs", *(f"{count} core{'s' * (count > 1)}, s" for count in cores)]
    rows = []
    for cases in sorted({row["cases"] for row in record["growth"]}):
        here = {row["cores"]: row for row in record["growth"] if row["cases"] == cases}
        rows.append([cases, here[cores[0]]["jobs"], *(number(here[count]["seconds"]) for count in cores)])
    return table(head, rows) + source(record)


def planning(record: dict) -> str:
    plan = record["planning"]
    rows = [
        [f"run of {plan['cases']} cases with next to no work in a job, s", number(plan["run_seconds"])],
        [f"dry run of {plan['cases']} finished cases, s", ranged(plan["dry_run_seconds"])],
        ["files a case in `results/` (slices, logs, benchmarks; of test cases also masks and scores)",
         number(plan["files_per_case"])],
        ["Snakemake's own records a case", number(plan["snakemake_records_per_case"])],
    ]  # fmt: skip
    return table(["", ""], rows)


def starts(record: dict) -> str:
    rows = [[f"`{row['script']}`", ranged(row["seconds"])] for row in record["starts"]]
    return table(["script", "seconds until it can begin"], rows)


def projection(records: dict[str, dict]) -> str:
    """The paper's run on the 16 cores and the GPU that the target names, from measured rates and counted work."""
    extraction = next(c for c in records["extraction"]["comparisons"] if c["case"] == "216 slices, float64")
    one, clean = extraction["job"]["seconds"]["median"], records["postprocessing"]["comparisons"][0]["job"]["seconds"]
    flop = 3 * 96.2e9 * EPOCHS * (TRAINING_SLICES + TUMOR_SLICES / 2)
    ceiling = records["training"]["matmul_gflop_s"]
    days = flop / (ceiling * 1e9) / 86400
    rows = [
        ["extraction", f"{CASES} cases", f"{number(one)} s a case on a core and a bit", "projected",
         f"{number(CASES * one / 16 / 60)} to {number(CASES * one / 8 / 60)} min on 16 such cores"],
        ["training, both networks", f"{flop:.2g} FLOP", "no GPU measured", "required",
         f"{number(flop / 900 / 1e12)} TFLOP/s, to take 15 min"],
        ["training, both networks", f"{flop:.2g} FLOP", f"at most {number(ceiling)} GFLOP/s, a core's matrix product",
         "projected", f"at least {number(days / 16)} days on 16 such cores"],
        ["post-processing", f"{TEST_CASES} cases", f"at most {number(clean['median'])} s, the largest case",
         "projected", f"at most {number(TEST_CASES * clean['median'] / 16)} s on 16 such cores"],
        ["planning", f"{CASES} cases", f"{ranged(records['workflow']['planning']['dry_run_seconds'])} s", "measured",
         f"{number(records['workflow']['planning']['dry_run_seconds']['median'])} s"],
    ]  # fmt: skip
    return table(["stage", "work", "rate", "", "time"], rows)


def rendered(document: str) -> str:
    """The document with every table made anew."""
    folder = ROOT / "benchmarks" / "results"
    records = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    made = {
        "training": lambda: training(records["training"]),
        "compiled": lambda: compiled(records["training"]),
        "inference": lambda: compared(records["inference"]),
        "parts": lambda: parts(records["inference"]),
        "extraction": lambda: extraction(records["extraction"]),
        "postprocessing": lambda: compared(records["postprocessing"]),
        "growth": lambda: growth(records["workflow"]),
        "planning": lambda: planning(records["workflow"]),
        "starts": lambda: starts(records["workflow"]),
        "projection": lambda: projection(records),
    }
    return re.sub(
        r"(<!-- (\w+) -->\n).*?(\n<!-- end -->)",
        lambda found: found[1] + made[found[2]]() + found[3],
        document,
        flags=re.DOTALL,
    )


def main(arguments: argparse.Namespace) -> None:
    before = DOCUMENT.read_text()
    after = rendered(before)
    if arguments.check and after != before:
        sys.exit("docs/performance.md differs from the benchmarks' JSON; run python benchmarks/tables.py")
    DOCUMENT.write_text(after)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true", help="only say whether the tables are up to date")
    main(options.parse_args())
