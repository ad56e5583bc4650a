"""Run the workflow through a cohort of the paper's size, made from label volumes, with small networks and one epoch.

Each image is made from its label, with the attenuation of tissue and the noise of CT, in 512 by 512 pixels as the label
has them. The networks are small, with one thread each, and a tenth of the cases are test cases; all else is as by
default. The figures come from Snakemake's own records, which are its metadata (when each job ran), benchmarks (memory)
and log (the memory asked for).
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import measure
import nibabel as nib
import numpy as np
import pandas as pd
from extraction import NOISE
from isal import igzip

from kidney_tumor.data import cohort

AIR, SOFT, KIDNEY, TUMOR = -1000, 40, 180, 90
"""The attenuation of air, soft tissue, kidney and tumor in HU."""
FLOAT64_EVERY = 10
"""One volume in so many is stored as float64, the others as int16."""


def write_case(label_path, folder, number):
    """Make a case from its label: link the label, and write the image beside it."""
    if (folder / "imaging.nii.gz").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "segmentation.nii.gz").unlink(missing_ok=True)
    (folder / "segmentation.nii.gz").symlink_to(label_path.resolve())
    stored = nib.load(label_path)
    label = np.asarray(stored.dataobj).astype(np.uint8)
    rows, columns = np.mgrid[: label.shape[1], : label.shape[2]] / np.array(label.shape[1:])[:, None, None] - 0.5
    body = np.where(np.hypot(rows / 0.35, columns / 0.45) < 1, SOFT, AIR).astype(np.int16)
    noise = np.random.default_rng(number).normal(0, NOISE, (16, *label.shape[1:])).astype(np.int16)
    kind = np.float64 if number % FLOAT64_EVERY == 0 else np.int16
    image = np.empty(label.shape, kind)
    for index, plane in enumerate(label):
        tissue = np.choose(plane, [body, np.int16(KIDNEY), np.int16(TUMOR)])
        image[index] = tissue + np.roll(noise[index % len(noise)], 37 * index, axis=0)
    partial = folder / "partial.nii.gz"
    with igzip.open(partial, "wb", compresslevel=1) as file:
        file.write(nib.Nifti1Image(image, stored.affine).to_bytes())
    partial.replace(folder / "imaging.nii.gz")


def make_cohort(labels, root, cases):
    """Make the cases that are not there yet, and link the clinical record if there is one."""
    with ProcessPoolExecutor() as pool:
        names = [cohort.name_case(number) for number in cases]
        jobs = [
            pool.submit(write_case, labels / name / "segmentation.nii.gz", root / name, number)
            for name, number in zip(names, cases, strict=True)
        ]
        for job in jobs:
            job.result()
    record = labels / "kits.json"
    if record.is_file() and not (root / "kits.json").exists():
        (root / "kits.json").symlink_to(record.resolve())


def read_jobs(folder):
    """Read when each job ran from Snakemake's metadata: a table with a row for each job."""
    rows = {}
    for path in (folder / ".snakemake" / "metadata").rglob("*"):
        if path.is_file():
            record = json.loads(path.read_text())
            row = rows.setdefault(record["job_hash"], {key: record[key] for key in ("rule", "starttime", "endtime")})
            row["endtime"] = max(row["endtime"], record["endtime"])
    table = pd.DataFrame(rows.values())
    return table.assign(seconds=table["endtime"] - table["starttime"])


def read_peaks(results):
    """Read the peak memory of each rule in MB, as its resources are, from Snakemake's benchmarks; some have none."""
    peaks = defaultdict(float)
    for path in (results / "benchmarks").rglob("*.tsv"):
        peak = pd.read_csv(path, sep="\t", na_values="-")["max_rss"].iloc[0]
        if not np.isnan(peak):  # as that of a job which ended before it was looked at
            rule = path.relative_to(results / "benchmarks").parts[0].removesuffix(".tsv")
            peaks[rule] = max(peaks[rule], peak * 2**20 / 1e6)  # Snakemake counts in MiB
    return dict(peaks)


def read_requests(log):
    """Read how much memory the jobs of each rule ask a cluster for, in MB, from Snakemake's log; some ask for none."""
    asked = re.findall(r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    resources: .*\bmem_mb=(\d+)", log, re.MULTILINE)
    return {rule: int(memory) for rule, memory in asked}


def measure_folder(path):
    """Measure what the files in a folder take, in bytes, without those that are linked."""
    files = (Path(root) / name for root, _, names in os.walk(path) for name in names)
    return sum(file.stat().st_size for file in files if not file.is_symlink())


def run_cohort(arguments, root, folder):
    """Make the cohort in a folder, run the workflow through it in another, and write what that took."""
    found = cohort.find_cases(arguments.labels)
    cases = arguments.cases or [int(case.removeprefix("case_")) for case in found]
    start = time.perf_counter()
    make_cohort(arguments.labels, root, cases)
    slices = sum(nib.load(root / cohort.name_case(number) / "imaging.nii.gz").shape[0] for number in cases)
    print(f"{len(cases)} cases of {slices} slices made in {time.perf_counter() - start:.0f} s", flush=True)
    config = {"run": "size", "device": "cpu", "cpu_threads": 1, "data": {"root": str(root), "cases": cases}}
    config |= {"slices": {"size": arguments.size}, "training": {"epochs": 1}}
    config["network"] = {"base_channels": arguments.base_channels}
    config["split"] = {"test_cases": max(1, len(cases) // 10)}
    folder.mkdir()
    (folder / "size.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", measure.ROOT / "Snakefile", "--directory", folder]
    command += ["--cores", str(arguments.cores), "--configfile", folder / "size.json", "--quiet", "host"]
    start = time.perf_counter()
    run = subprocess.run(command, text=True, capture_output=True)
    if run.returncode:
        sys.exit(run.stderr[-3000:])
    wall, results = time.perf_counter() - start, folder / "results" / "size"
    jobs, requests, peaks = read_jobs(folder), read_requests(run.stdout + run.stderr), read_peaks(results)
    rows = [
        {
            "rule": rule,
            "jobs": len(times),
            "seconds": round(float(times["seconds"].sum()), 1),
            "longest": round(float(times["seconds"].max()), 1),
            "peak_mb": round(peaks[rule]) if rule in peaks else None,
            "asked_mb": requests[rule],
        }
        for rule, times in sorted(jobs.groupby("rule"), key=lambda entry: -entry[1]["seconds"].sum())
        if rule in requests
    ]
    for row in rows:
        print(row, flush=True)
    facts = {
        "cases": len(cases),
        "slices": slices,
        "cores": arguments.cores,
        "wall_seconds": round(wall),
        "busy_share": round(float(jobs["seconds"].sum()) / (arguments.cores * wall), 3),
        "bytes": {
            "images": measure_folder(root),
            "slices": measure_folder(results / "slices"),
            "results": measure_folder(results),
            "snakemake": measure_folder(folder / ".snakemake"),
        },
        "rules": rows,
    }
    print({key: value for key, value in facts.items() if key != "rules"})
    measure.write_result("cohort", arguments, [], **facts)


def main(arguments):
    if arguments.work:
        arguments.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.work) as temporary:
        run_cohort(arguments, ((arguments.work or Path(temporary)) / "cohort").resolve(), Path(temporary) / "run")


if __name__ == "__main__":
    parser = measure.make_parser(__doc__, rounds=False)
    parser.add_argument("--labels", type=Path, required=True, help="folder with case_XXXXX/segmentation.nii.gz")
    parser.add_argument("--work", type=Path, help="folder that keeps the cohort; a temporary one if left out")
    parser.add_argument("--cases", type=int, nargs="+", help="numbers of the cases; all if left out")
    parser.add_argument("--cores", type=int, default=2, help="number of cores of the run")
    parser.add_argument("--size", type=int, default=256, help="side of a slice in pixels")
    parser.add_argument("--base-channels", type=int, default=2, help="number of channels of the networks' first level")
    main(parser.parse_args())
