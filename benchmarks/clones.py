"""Compare the CPU seconds of whole commands in another clone with those here, in turns.

python benchmarks/clones.py --before ../before --labels kits19/data --scan ct.nii.gz

A scan is segmented with the networks that each clone ships. To compare with the same weights, first run
`git checkout 8ef81d4 -- workflow/resources/models` in the older clone.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parents[1]
RUN = "clones"
DEMO = ("--configfile", "config/demo.yaml", "--config", f"run={RUN}")
SCRIPTS = ("extract_slices", "predict", "postprocess", "score", "plot_slice", "write_viewer", "measure_scan")
MERGED = {"score": ("score", "measure_case")}
"""The scripts whose work a script does; those that a clone does not have are left out there."""


def run(clone, *command):
    """Run a command in a clone; return the CPU seconds of it and all its jobs, and the seconds on the clock."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each clone has its code compiled after the first round
    subprocess.run(list(map(str, command)), cwd=clone, check=True, env=environment, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, time.perf_counter() - started


def snakemake(clone, *words):
    return run(clone, ".venv/bin/snakemake", "--cores", 2, *words)


def start_script(script):
    """Make a task that starts a script, or those whose work it does, and ends it."""

    def start(clone, number):
        scripts = [clone / f"workflow/scripts/{name}.py" for name in MERGED.get(script, [script])]
        times = [run(clone, ".venv/bin/python", path, "--help") for path in scripts if path.exists()]
        return tuple(map(sum, zip(*times, strict=True)))

    return start


def run_demo(clone, number):
    shutil.rmtree(clone / "results" / RUN, ignore_errors=True)
    return snakemake(clone, *DEMO)


def change_percentiles(clone, number):
    """On the finished demo; each round takes percentiles that the last did not."""
    return snakemake(clone, *DEMO, f"postprocess={{percentiles: [{number + 6}, {94 - number}]}}")


def analyze_labels(root, cases):
    def analyze(clone, number):
        shutil.rmtree(clone / "results" / f"{RUN}_labels", ignore_errors=True)
        data = json.dumps({"root": str(root), "cases": cases})
        return snakemake(
            clone, "ratio_range", "summarize_traces", "outcomes", "--config", f"run={RUN}_labels", f"data={data}"
        )

    return analyze


def segment(scan):
    def segment_scan(clone, number):
        results, folder = clone / "results" / f"{RUN}_scan", clone / "results" / f"{RUN}_input"
        shutil.rmtree(results, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(scan, folder)
        models = clone / "workflow/resources/models/synthetic"
        scans = json.dumps({"root": str(folder), "models": str(models)})
        return snakemake(clone, "segment", "--config", f"run={RUN}_scan", "device=cpu", f"scans={scans}")

    return segment_scan


def compare(name, before, task, rounds):
    """Run a task in turns, and print a row of the table."""
    times = []
    for number in range(rounds):
        times.append([task(clone, number) for clone in (before, HERE)])
        print(
            f"round {number + 1}: {name}: {times[-1][0][0]:.2f} and {times[-1][1][0]:.2f} s",
            file=sys.stderr,
            flush=True,
        )
    ratios = sorted(here[0] / there[0] for there, here in times)
    spent = [statistics.median(seconds) for both in zip(*times, strict=True) for seconds in zip(*both, strict=True)]
    cells = f"{spent[0]:.2f} | {spent[2]:.2f} | {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    print(f"| {name} | {cells} | {spent[1]:.1f} | {spent[3]:.1f} | {rounds} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help="another clone, with a .venv of its own")
    parser.add_argument("--labels", type=Path, help="folder of cases in KiTS19's layout, with their clinical record")
    parser.add_argument("--every", type=int, default=5, help="take one in so many of KiTS19's 210 cases")
    parser.add_argument("--scan", type=Path, help="a CT volume")
    parser.add_argument("--tasks", nargs="+", help="names, or beginnings of names, of tasks; by default all")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    tasks = {f"start of `{name}`": start_script(name) for name in SCRIPTS}
    tasks |= {"the demo": run_demo, "a changed percentile": change_percentiles}
    if arguments.labels:
        tasks["labels"] = analyze_labels(arguments.labels.absolute(), [*range(0, 210, arguments.every)])
    if arguments.scan:
        tasks["segment a scan"] = segment(arguments.scan.absolute())
    print("| CPU seconds | before | here | ratio | before, on the clock | here | rounds |\n" + "| --- " * 7 + "|")
    for name, task in tasks.items():
        if not arguments.tasks or name.startswith(tuple(arguments.tasks)):
            compare(name, arguments.before.absolute(), task, arguments.rounds)


if __name__ == "__main__":
    main()
