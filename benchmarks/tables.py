"""Write the tables of docs/performance.md from the JSON files of the benchmarks."""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "performance.md"

CASES, TEST_CASES, EPOCHS = 210, 20, 50
KIDNEY_SLICES = 16334 * 190 / 210
TUMOR_SLICES = 5362 * 190 / 210
"""Extracted slices that show a kidney, and those whose lower half shows a tumor: counted in the 210 label volumes
(`kits.data.slices.resize_blocks` to 256 pixels), of which the paper trains on 190."""


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
    place = f"{machine['cpu']}, {machine['cores']} core{'s' * (machine['cores'] > 1)}, {machine['memory_gib']} GiB"
    if "device" in record:
        place += f", on {record['device']}"
    return f"\n\n*Measured: {place}; {record['date']}; commit `{record['commit']}`; `{record['command']}`.*"


def whole(job: dict[str, dict[str, float]]) -> str:
    """What a script takes, as the workflow starts it."""
    seconds, peak = ranged(job["seconds"]), number(job["peak_mib"]["high"])
    return f"\n\nThe whole job, interpreter to output: {seconds} s, peak memory {peak} MiB."


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
        tables.append(title + table(head, rows) + (whole(job) if job else ""))
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
            f"**{comparison['case']}**, {number(sum(comparison['megabytes']))} MB\n\n{table(head, rows)}{whole(job)}"
        )
    return "\n\n".join(tables) + source(record)


def postprocessing(record: dict) -> str:
    cases = [
        f"- {comparison['case']}: kidney and tumor have {' and '.join(map(str, comparison['components']))} components, "
        f"{' and '.join(map(str, comparison['voxels_in_holes']))} voxels in holes"
        for comparison in record["comparisons"]
    ]
    voxels = " by ".join(map(str, record["comparisons"][0]["voxels"]))
    head = f"The label is that of {record['label']}, {voxels} voxels:"
    return "\n\n".join([head, "\n".join(cases), compared(record)])


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


def separate(record: dict) -> str:
    """What it costs to start the job of each case apart, from the jobs of one and of several cases."""
    comparison = record["comparisons"][0]
    jobs = {int(key.rpartition("_")[2]): job["seconds"]["median"] for key, job in comparison.items() if "job_of" in key}
    several = max(jobs)
    case = (jobs[several] - jobs[1]) / (several - 1)
    start = jobs[1] - case
    rows = [
        [cases, number(start + cases * case), number(cases * (start + case)), number((cases - 1) * start)]
        for cases in (TEST_CASES, CASES)
    ]
    return table(["cases", "one job for all, s", "a job each, s (the workflow)", "cost, s of one core"], rows)


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


def gpu(records: dict[str, dict]) -> str:
    """What was measured on a GPU, where anything was."""
    made = {"training_gpu": training, "inference_gpu": compared}
    return "\n\n".join(make(records[name]) for name, make in made.items() if name in records) or "Not measured yet."


def projection(records: dict[str, dict]) -> str:
    """The paper's run on the 16 cores and one H100 GPU, from measured rates and counted work."""
    extraction = next(c for c in records["extraction"]["comparisons"] if c["case"] == "216 slices, float64")
    extract = extraction["job"]["seconds"]["median"]
    noisy = records["postprocessing"]["comparisons"][-1]["job"]["seconds"]["median"]
    plan = records["workflow"]["planning"]["dry_run_seconds"]["median"]
    flop = 3 * 96.2e9 * EPOCHS * (KIDNEY_SLICES + TUMOR_SLICES / 2)
    ceiling = records["training"]["matmul_gflop_s"]
    rows = [
        ["extraction", f"{CASES} cases", f"{number(extract)} s a case of 216 slices, on at most 2 cores", "projected",
         f"{number(CASES * extract / 8 / 60)} min on 16 such cores"],
        ["training", f"{flop:.2g} FLOP", "no GPU measured", "required",
         f"{number(flop / 900 / 1e12)} TFLOP/s for 15 min"],
        ["training", f"{flop:.2g} FLOP", f"under {number(ceiling)} GFLOP/s, a core's matrix product",
         "projected", f"more than {number(flop / (16 * ceiling * 1e9) / 86400)} days on 16 such cores"],
        ["post-processing", f"{TEST_CASES} cases", f"{number(noisy)} s, noisy masks of the largest case", "projected",
         f"{number(TEST_CASES * noisy / 16)} s on 16 such cores"],
        ["planning", f"{CASES} cases", f"{number(plan)} s", "measured", f"{number(plan)} s"],
        ["check, tumor shapes, inference, scores", "", "not measured at this size", "not projected", ""],
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
        "separate": lambda: separate(records["inference"]),
        "parts": lambda: parts(records["inference"]),
        "extraction": lambda: extraction(records["extraction"]),
        "postprocessing": lambda: postprocessing(records["postprocessing"]),
        "growth": lambda: growth(records["workflow"]),
        "planning": lambda: planning(records["workflow"]),
        "starts": lambda: starts(records["workflow"]),
        "projection": lambda: projection(records),
        "gpu": lambda: gpu(records),
    }
    return re.sub(
        r"(<!-- (\w+) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{made[found[2]]()}\n{found[3]}",
        document,
        flags=re.DOTALL,
    )


def main(arguments: argparse.Namespace) -> None:
    before = DOCUMENT.read_text()
    after = rendered(before)
    if arguments.check and after != before:
        sys.exit("docs/performance.md differs from the benchmarks' JSON; run python benchmarks/tables.py")
    if not arguments.check:
        DOCUMENT.write_text(after)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true", help="only say whether the tables are up to date")
    main(options.parse_args())
