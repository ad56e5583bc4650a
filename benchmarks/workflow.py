"""Time the workflow by number of cases and cores, the planning of a finished run, and the start of each script."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure
import yaml

SMALL = {
    "device": "cpu",
    "cpu_threads": 1,
    "data": {"source": "phantom"},
    "slices": {"size": 32},
    "network": {"base_channels": 1, "depth": 1},
    "training": {"epochs": 1},
    "phantom": {"size": 32, "slices": [12, 14]},
}
"""A configuration with next to no work in a job, so that the time is that of the workflow."""


class Copy:
    """A copy of the workflow in a folder of its own."""

    def __init__(self, folder):
        self.folder = Path(folder)
        for name in ("workflow", "config", "envs"):
            shutil.copytree(measure.ROOT / name, self.folder / name)
        shutil.copy(measure.ROOT / "Snakefile", self.folder)

    def run_snakemake(self, config, *words, base="config/demo.yaml"):
        """Run Snakemake with what differs from a configuration; return the seconds that it takes and what it prints."""
        (self.folder / "bench.yaml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "snakemake", *words, "--configfile", base, "bench.yaml"]
        start = time.perf_counter()
        result = subprocess.run(command, cwd=self.folder, text=True, capture_output=True)
        if result.returncode:
            sys.exit(result.stderr[-3000:])
        return time.perf_counter() - start, result.stdout + result.stderr


def measure_growth(arguments):
    """Measure the wall time of the demo with few epochs for each number of cases and cores."""
    rows = []
    for cores in arguments.cores:
        for cases in arguments.cases:
            config = {"run": "scale", "split": {"test_cases": cases // 5}, "phantom": {"cases": cases}}
            config["training"] = {"epochs": arguments.epochs}
            with tempfile.TemporaryDirectory() as folder:
                copy = Copy(folder)
                seconds, output = copy.run_snakemake(config, "--cores", str(cores))
                jobs = int(re.search(r"of (\d+) steps \(100%\)", output)[1])
            rows.append({"cases": cases, "cores": cores, "jobs": jobs, "seconds": round(seconds, 1)})
            print(rows[-1], flush=True)
    return rows


def measure_planning(arguments):
    """Measure the seconds of a dry run of a finished run, and count the files that each case has."""
    config = {**SMALL, "run": "many", "split": {"test_cases": 20}}
    config["phantom"] = {**SMALL["phantom"], "cases": arguments.planned}
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(folder)
        seconds, _ = copy.run_snakemake(config, "--cores", str(max(arguments.cores)))
        print(f"{arguments.planned} cases with next to no work: {seconds:.0f} s", flush=True)
        dry = [copy.run_snakemake(config, "--dry-run") for _ in range(arguments.rounds + 1)][1:]
        assert all("Nothing to be done" in output for _, output in dry)
        results = copy.folder / "results" / "many"
        files = [path for path in results.rglob("*") if path.is_file() and "cohort" not in path.parts]
        records = [path for path in (copy.folder / ".snakemake" / "metadata").rglob("*") if path.is_file()]
    row = {
        "cases": arguments.planned,
        "run_seconds": round(seconds, 1),
        "dry_run_seconds": measure.summarize_values([seconds for seconds, _ in dry]),
        "files_per_case": round(len(files) / arguments.planned, 2),
        "snakemake_records_per_case": round(len(records) / arguments.planned, 2),
    }
    print(row, flush=True)
    return row


def measure_starts(rounds):
    """Measure the seconds that pass before each script can begin its work, those of the interpreter and imports."""
    rows = []
    for script in sorted(measure.SCRIPTS.glob("*.py")):
        jobs = [measure.run_job(script, "--help")["seconds"] for _ in range(rounds + 1)][1:]
        rows.append({"script": script.name, "seconds": measure.summarize_values(jobs)})
        print(rows[-1], flush=True)
    return rows


def main(arguments):
    scripts = measure_starts(arguments.rounds)
    facts = {"starts": scripts, "planning": measure_planning(arguments), "growth": measure_growth(arguments)}
    measure.write_record("workflow", arguments, [], epochs=arguments.epochs, **facts)


if __name__ == "__main__":
    parser = measure.make_parser(__doc__)
    parser.add_argument(
        "--cases", type=int, nargs="+", default=[10, 20, 40], help="numbers of cases of the phantom cohorts"
    )
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2], help="numbers of cores of the runs")
    parser.add_argument("--epochs", type=int, default=2, help="number of epochs of each run")
    parser.add_argument(
        "--planned", type=int, default=210, help="number of cases of the finished run that is planned again"
    )
    main(parser.parse_args())
