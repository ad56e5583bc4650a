"""Compare the CPU seconds of scripts in another clone with those here, in turns: their start, and their work on labels.

python benchmarks/clones.py --before ../before --labels case_00000/segmentation.nii.gz case_00001/segmentation.nii.gz
"""

import argparse
import os
import resource
import statistics
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parents[1]
STARTED = (
    "extract_slices",
    "predict",
    "postprocess",
    "score",
    "plot_slice",
    "write_viewer",
    "measure_scan",
)
MERGED = {"score": ("score", "measure_case")}
"""The scripts whose work a script does; those that a clone does not have are left out there."""
RANGE = '{"low": 1.07, "high": 2.8, "unit": "voxel"}'


def measure(clone, script, *options):
    """The CPU seconds of a script, or of those whose work it does, by the interpreter of its clone."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    scripts = [clone / f"workflow/scripts/{name}.py" for name in MERGED.get(script, [script])]
    for path in filter(Path.exists, scripts):
        command = [clone / ".venv/bin/python", path, *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(name, before, jobs):
    """Measure jobs in turns, and print a row of the table."""
    times = [[measure(clone, *job) for clone in (before, HERE)] for job in jobs]
    ratios = sorted(after / first for first, after in times)
    seconds = " | ".join(f"{statistics.median(column):.2f}" for column in zip(*times, strict=True))
    print(f"| {name} | {seconds} | {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help="another clone, with a .venv of its own")
    parser.add_argument("--labels", type=Path, nargs="*", default=[], help="label volumes")
    parser.add_argument("--rounds", type=int, default=5, help="rounds for the starts")
    arguments = parser.parse_args()
    before = arguments.before.absolute()
    for name in STARTED:
        compare(f"start of `{name}`", before, [(name, "--help")] * arguments.rounds)
    with tempfile.TemporaryDirectory() as folder:
        ratio_range = Path(folder, "ratio_range.json")
        ratio_range.write_text(RANGE)
        outputs = ("--case", "case_00000", "--slice", f"{folder}/slice.npz", "--output", f"{folder}/table.tsv")
        for name, *further in (("trace_label", "--ratio-range", ratio_range), ("measure_label",)):
            jobs = [(name, *outputs, *further, "--label", label) for label in arguments.labels]
            if jobs:
                compare(f"`{name}`, {len(jobs)} labels", before, jobs)


if __name__ == "__main__":
    main()
