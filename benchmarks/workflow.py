"""Time a run with next to no work in a job, and the planning of a finished run, and count the files of a case."""

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


def main(arguments):
    config = {**SMALL, "run": "many", "split": {"test_cases": 20}}
    config["phantom"] = {**SMALL["phantom"], "cases": arguments.cases}
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(folder)
        seconds, _ = copy.run_snakemake(config, "--cores", str(arguments.cores))
        print(f"{arguments.cases} cases with next to no work: {seconds:.0f} s", flush=True)
        dry = [copy.run_snakemake(config, "--dry-run") for _ in range(arguments.rounds + 1)][1:]
        assert all("Nothing to be done" in output for _, output in dry)
        results = copy.folder / "results" / "many"
        files = [path for path in results.rglob("*") if path.is_file() and "cohort" not in path.parts]
        records = [path for path in (copy.folder / ".snakemake" / "metadata").rglob("*") if path.is_file()]
    facts = {
        "cases": arguments.cases,
        "cores": arguments.cores,
        "run_seconds": round(seconds, 1),
        "dry_run_seconds": measure.summarize_values([seconds for seconds, _ in dry]),
        "files_per_case": round(len(files) / arguments.cases, 2),
        "snakemake_records_per_case": round(len(records) / arguments.cases, 2),
    }
    print(facts, flush=True)
    measure.write_record("workflow", arguments, [], **facts)


if __name__ == "__main__":
    parser = measure.make_parser(__doc__)
    parser.add_argument("--cases", type=int, default=210, help="number of phantom cases")
    parser.add_argument("--cores", type=int, default=2, help="number of cores of the run")
    main(parser.parse_args())
