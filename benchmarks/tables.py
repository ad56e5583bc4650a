"""Write the tables of docs/performance.md and docs/beyond.md from the JSON files of the benchmarks."""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "performance.md"
DOCUMENTS = (DOCUMENT, ROOT / "docs" / "beyond.md")

CASES, TEST_CASES, EPOCHS = 210, 20, 50
KIDNEY_SLICES = 16334 * 190 / 210
TUMOR_SLICES = 5362 * 190 / 210
"""The numbers of extracted slices that show a kidney, and of those whose lower half shows a tumor.

They were counted in the 210 label volumes (`kidney_tumor.data.slices.resize_blocks` to 256 pixels); the paper trains
on 190 of the cases."""


def format_number(value: float) -> str:
    """Format a number with three significant digits, or as a whole number from 100 on."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def format_range(summary: dict[str, float]) -> str:
    """Format a median, followed by the smallest and the largest value."""
    return f"{format_number(summary['median'])} ({format_number(summary['low'])} to {format_number(summary['high'])})"


def make_table(head: list[str], rows: list[list[object]]) -> str:
    """Make a Markdown table from its head and rows."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def describe_source(record: dict, facts: str = "") -> str:
    """Describe what a benchmark measured if `facts` says it, where and when it ran, and with which command."""
    machine = record["machine"]
    place = f"{machine['cpu']}, {machine['cores']} core{'s' * (machine['cores'] > 1)}, {machine['memory_gib']} GiB"
    if "device" in record:
        place += f", on {record['device']}"
    return f"\n\n*Measured: {facts}{place}; {record['date']}; commit `{record['commit']}`; `{record['command']}`.*"


def describe_job(job: dict[str, dict[str, float]]) -> str:
    """Describe the time and memory that a script takes when the workflow starts it."""
    seconds, peak = format_range(job["seconds"]), format_number(job["peak_mib"]["high"])
    return f"\n\nThe whole job, interpreter to output: {seconds} s, peak memory {peak} MiB."


def tabulate_comparisons(record: dict, extra: dict[str, str] | None = None) -> str:
    """Make a table of the contenders' seconds and ratios for each comparison; `extra` adds columns, head by key."""
    tables = []
    for comparison in record["comparisons"]:
        head = ["", "seconds", "times as fast", *(extra or {}).values()]
        rows = [
            [
                row["name"],
                *(format_range(row[key]) for key in ("seconds", "ratio")),
                *(format_number(row[key]) for key in extra or {}),
            ]
            for row in comparison["rows"]
        ]
        title = f"**{comparison['case']}**\n\n" if "case" in comparison else ""
        job = comparison.get("job")
        tables.append(title + make_table(head, rows) + (describe_job(job) if job else ""))
    return "\n\n".join(tables) + describe_source(record)


def tabulate_extraction(record: dict) -> str:
    """Make the tables of slice extraction, with each time as a multiple of that of decompression, its lower bound."""
    tables = []
    for comparison in record["comparisons"]:
        rows = []
        for row in comparison["rows"]:
            ratio = row["ratio"]
            slower = {"median": 1 / ratio["median"], "low": 1 / ratio["high"], "high": 1 / ratio["low"]}
            rows.append([row["name"], format_range(row["seconds"]), format_range(slower)])
        head = ["", "seconds", "times the time of decompression"]
        title = f"**{comparison['case']}**, {format_number(sum(comparison['megabytes']))} MB\n\n"
        tables.append(title + make_table(head, rows) + describe_job(comparison["job"]))
    return "\n\n".join(tables) + describe_source(record)


def tabulate_postprocessing(record: dict) -> str:
    """Make the tables of post-processing, preceded by what the compared masks contain."""
    cases = [
        f"- {comparison['case']}: kidney and tumor have {' and '.join(map(str, comparison['components']))} components, "
        f"{' and '.join(map(str, comparison['voxels_in_holes']))} voxels in holes"
        for comparison in record["comparisons"]
    ]
    voxels = " by ".join(map(str, record["comparisons"][0]["voxels"]))
    head = f"The label is that of {record['label']}, {voxels} voxels:"
    return "\n\n".join([head, "\n".join(cases), tabulate_comparisons(record)])


def tabulate_training(record: dict) -> str:
    """Make the table of training, with slices per second and the share of the matrix product's speed."""
    return tabulate_comparisons(record, {"slices_per_second": "slices/s", "share_of_matmul": "share of matrix product"})


def tabulate_parts(record: dict) -> str:
    """Make the table of the seconds that each part of the inference on a case takes."""
    comparison = record["comparisons"][0]
    apart = comparison["apart"]
    rows = [[name, f"{apart[name]:.3f}"] for name in ("reading", "network", "restoring", "writing", "a case")]
    several = next(int(key.removeprefix("job_of_")) for key in comparison if re.fullmatch(r"job_of_([2-9]|\d\d+)", key))
    rows.append(["a case / (the sum of its parts)", f"{apart['overhead']:.2f}"])
    rows.append(["the job of one case", format_range(comparison["job_of_1"]["seconds"])])
    rows.append([f"the job of {several} cases", format_range(comparison[f"job_of_{several}"]["seconds"])])
    return make_table(["", "seconds"], rows)


def tabulate_separate_jobs(record: dict) -> str:
    """Make the table of what a job for each case costs, computed from a job of one case and a job of several."""
    comparison = record["comparisons"][0]
    jobs = {int(key.rpartition("_")[2]): job["seconds"]["median"] for key, job in comparison.items() if "job_of" in key}
    several = max(jobs)
    case = (jobs[several] - jobs[1]) / (several - 1)
    start = jobs[1] - case
    rows = [
        [cases, *map(format_number, (start + cases * case, cases * (start + case), (cases - 1) * start))]
        for cases in (TEST_CASES, CASES)
    ]
    return make_table(["cases", "one job for all, s", "a job each, s (the workflow)", "cost, s of one core"], rows)


def tabulate_scans(record: dict) -> str:
    """Make the table of what each stage takes on a long scan, by the way in which the scan is stored."""
    head = ["script", "scan", "seconds", "times as long as the first", "peak memory, MiB"]
    rows = [
        [f"`{row['stage']}`", row["scan"], format_range(row["seconds"]), format_range(row["times_the_reference"]),
         format_number(row["peak_mib"])]
        for row in record["stages"]
    ]  # fmt: skip
    size = f"A scan of {' by '.join(map(str, record['voxels']))} voxels; its page takes "
    return f"{size}{record['page_bytes'] / 1e6:.1f} MB.\n\n{make_table(head, rows)}{describe_source(record)}"


def tabulate_growth(record: dict) -> str:
    """Make the table of the workflow's seconds by the number of cases and of cores."""
    cores = sorted({row["cores"] for row in record["growth"]})
    head = ["phantom cases", "jobs", *(f"{count} core{'s' * (count > 1)}, s" for count in cores)]
    rows = []
    for cases in sorted({row["cases"] for row in record["growth"]}):
        here = {row["cores"]: row for row in record["growth"] if row["cases"] == cases}
        rows.append([cases, here[cores[0]]["jobs"], *(format_number(here[count]["seconds"]) for count in cores)])
    return make_table(head, rows) + describe_source(record)


def tabulate_cohort(record: dict) -> str:
    """Make the table of what each rule takes at the paper's size, by its share of the time."""
    head = ["rule", "jobs", "all of them, s", "the longest, s", "peak memory, MB", "asked, MB"]
    rows = [
        [f"`{row['rule']}`", row["jobs"], *(format_number(row[key]) for key in ("seconds", "longest")),
         *("" if row[key] is None else f"{row[key]:.0f}" for key in ("peak_mb", "asked_mb"))]
        for row in record["rules"]
    ]  # fmt: skip
    size = {
        name: f"{value / 1e9:.1f} GB" if value > 1e9 else f"{value / 1e6:.0f} MB"
        for name, value in record["bytes"].items()
    }
    facts = (
        f"{record['cases']} cases, {record['slices']} slices, from volumes to the report's figures in "
        f"{record['wall_seconds'] / 60:.1f} min on {record['cores']} cores, which had jobs for "
        f"{record['busy_share']:.0%} of this time. Images {size['images']}, slices {size['slices']}, all results "
        f"{size['results']}, Snakemake's records {size['snakemake']}."
    )
    return f"{facts}\n\n{make_table(head, rows)}{describe_source(record)}"


def tabulate_planning(record: dict) -> str:
    """Make the table of the seconds in which Snakemake plans a finished run, and of the files that a case has."""
    plan = record["planning"]
    rows = [
        [f"run of {plan['cases']} cases with next to no work in a job, s", format_number(plan["run_seconds"])],
        [f"dry run of {plan['cases']} finished cases, s", format_range(plan["dry_run_seconds"])],
        ["files a case in `results/` (slices, logs, benchmarks; of test cases also masks and scores)",
         format_number(plan["files_per_case"])],
        ["files of Snakemake's own records a case", format_number(plan["snakemake_records_per_case"])],
    ]  # fmt: skip
    return make_table(["", ""], rows)


def tabulate_starts(record: dict) -> str:
    """Make the table of the seconds that pass before each script can begin its work."""
    rows = [[f"`{row['script']}`", format_range(row["seconds"])] for row in record["starts"]]
    return make_table(["script", "seconds until it can begin"], rows)


def tabulate_gpu(records: dict[str, dict]) -> str:
    """Make the tables of what was measured on a GPU, or say that nothing was."""
    made = {"training_gpu": tabulate_training, "inference_gpu": tabulate_comparisons}
    return "\n\n".join(make(records[name]) for name, make in made.items() if name in records) or "Not measured yet."


def tabulate_projection(record: dict) -> str:
    """Make the table that projects both trainings of the paper's run from measured rates and counted work."""
    flop = 3 * 96.2e9 * EPOCHS * (KIDNEY_SLICES + TUMOR_SLICES / 2)
    ceiling = record["matmul_gflop_s"]
    rows = [
        ["a GPU", "none measured", f"{format_number(flop / 900 / 1e12)} TFLOP/s are required for 15 min"],
        ["16 cores like the one above", f"under {format_number(ceiling)} GFLOP/s a core, its matrix product",
         f"more than {format_number(flop / (16 * ceiling * 1e9) / 86400)} days"],
    ]  # fmt: skip
    return f"Both trainings: {flop:.2g} FLOP.\n\n" + make_table(["device", "rate", "time, projected"], rows)


def tabulate_switches(record: dict) -> str:
    """Make a table of the Dice after post-processing with each setting, and its change against the first."""
    head = ["", "kidney + tumor", "change [95 % interval]", "tumor", "change [95 % interval]", "emptied"]
    rows = []
    for row in record["comparisons"]:
        cells = [f"`{row['setting']}`" if ":" in row["setting"] or "/" in row["setting"] else row["setting"]]
        for target in ("kidney_tumor", "tumor"):
            dice = row[f"after_{target}"]
            change = f"{dice['change']:+.3f} [{dice['low']:+.3f}, {dice['high']:+.3f}]"
            cells += [f"{dice['dice']:.3f}", "" if row is record["comparisons"][0] else change]
        rows.append([*cells, f"{row['emptied']:.0%}"])
    facts = f"n = {record['test_cases']} cases, training seeds {', '.join(map(str, record['seeds']))}; "
    return make_table(head, rows) + describe_source(record, facts)


def tabulate_precision(record: dict) -> str:
    """Make a table of the Dice in both precisions before and after post-processing, and of its change."""
    single, half = record["comparisons"]
    rows = []
    for target, name in (("kidney_tumor", "kidney + tumor"), ("tumor", "tumor")):
        for stage in ("before", "after"):
            dice, reference = (row[f"{stage}_{target}"] for row in (half, single))
            intervals = ((dice[f"{over}low"], dice[f"{over}high"]) for over in ("", "seeds_"))
            rows.append([name, stage, f"{reference['dice']:.3f}", f"{dice['dice']:.3f}", f"{dice['change']:+.3f}",
                         *(f"{low:+.3f} to {high:+.3f}" for low, high in intervals)])  # fmt: skip
    head = ["target", "filter", single["setting"], half["setting"], "change", "over cases", "over trainings"]
    facts = f"n = {record['test_cases']} cases, {len(record['seeds'])} trainings in each precision; "
    return make_table(head, rows) + describe_source(record, facts)


def render(document: str) -> str:
    """Return the document with every table made anew from the JSON files."""
    folder = ROOT / "benchmarks" / "results"
    records = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    made = {
        "training": lambda: tabulate_training(records["training"]),
        "training_large": lambda: tabulate_training(records["training_large"]),
        "inference": lambda: tabulate_comparisons(records["inference"]),
        "separate": lambda: tabulate_separate_jobs(records["inference"]),
        "parts": lambda: tabulate_parts(records["inference"]),
        "extraction": lambda: tabulate_extraction(records["extraction"]),
        "postprocessing": lambda: tabulate_postprocessing(records["postprocessing"]),
        "scans": lambda: tabulate_scans(records["scans"]),
        "growth": lambda: tabulate_growth(records["workflow"]),
        "cohort": lambda: tabulate_cohort(records["cohort"]),
        "planning": lambda: tabulate_planning(records["workflow"]),
        "starts": lambda: tabulate_starts(records["workflow"]),
        "projection": lambda: tabulate_projection(records["training"]),
        "gpu": lambda: tabulate_gpu(records),
        "precision_demo": lambda: tabulate_precision(records["precision_demo"]),
        "precision_real": lambda: tabulate_precision(records["precision_real"]),
        "phantoms": lambda: tabulate_switches(records["beyond_phantoms"]),
        "real": lambda: tabulate_switches(records["beyond_real"]),
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
