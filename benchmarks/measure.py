"""The helpers of all benchmarks, which measure time in interleaved rounds and peak memory, and write the result."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
RESULTS = ROOT / "benchmarks" / "results"
AFFINE = [[0, 0, -1, 0], [0, -1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]]
"""The affine of a volume whose file has the axes of KiTS19's."""
sys.path.insert(0, str(SCRIPTS))


def _run_git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True).stdout.strip()


# The commit is read at the start, because the code that is measured is the code that was imported.
COMMIT = _run_git("rev-parse", "--short", "HEAD")
if _run_git("status", "--porcelain", "--", "Snakefile", "workflow", "config", "envs", "benchmarks/*.py"):
    COMMIT += "-dirty"

PACKAGES = (
    "connected-components-3d",
    "fill-voids",
    "isal",
    "monai",
    "nibabel",
    "numpy",
    "openvino",
    "scikit-image",
    "scipy",
)

LAUNCHER = """
import resource, subprocess, sys, time
start = time.perf_counter()
result = subprocess.run([sys.executable, *sys.argv[1:]], stdout=subprocess.DEVNULL)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(result.returncode)
"""
"""A program that runs a script from a small process: a child's peak memory begins with that of the starting process."""


def make_parser(description: str, *keys: str, rounds: bool = True) -> argparse.ArgumentParser:
    """Make a parser with the options that every benchmark has, and those of some keys of the configuration."""
    from kidney_tumor import cli  # found in the path above

    parser = cli.make_parser(description, *keys)
    if rounds:
        parser.add_argument("--rounds", type=int, default=5, help="measurements of each contender after a warm-up")
    parser.add_argument("--output", type=Path, help="JSON file to write; benchmarks/results/<name>.json if left out")
    return parser


def time_call(work: Callable[[], Any]) -> float:
    """Return the seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(
    contenders: dict[str, Callable[[], Any]], reference: str, rounds: int, warm: bool = False, **facts: Any
) -> dict[str, Any]:
    """Time contenders in turn, round by round, and print how many times faster than the reference each is.

    A ratio compares two measurements of one round, so that what slows the machine for a while slows both. Each
    contender runs once before the first round, unless `warm` says that all have run already. The returned result of the
    comparison also holds `facts`.
    """
    for name, work in () if warm else contenders.items():
        print(f"  warm-up: {name}: {time_call(work):.2f} s", flush=True)
    seconds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            seconds[name].append(time_call(work))
    rows = []
    for name, values in seconds.items():
        ratios = [base / value for base, value in zip(seconds[reference], values, strict=True)]
        rows.append({"name": name, "seconds": summarize_values(values), "ratio": summarize_values(ratios)})
        print(
            f"  {name:42s} {statistics.median(values):9.3f} s   {statistics.median(ratios):6.2f} x "
            f"({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )
    return {**facts, "reference": reference, "rounds": rounds, "rows": rows}


def summarize_values(values: list[float]) -> dict[str, float]:
    """Return the median, the smallest and the largest value, each rounded to four digits."""
    named = {"median": statistics.median(values), "low": min(values), "high": max(values)}
    return {name: float(f"{value:.4g}") for name, value in named.items()}


def run_job(*command: object) -> dict[str, float]:
    """Run a script as the workflow does; return its seconds, start and imports included, and its peak memory in MiB."""
    process = subprocess.run([sys.executable, "-c", LAUNCHER, *map(str, command)], capture_output=True, text=True)
    if process.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{process.stderr}")
    seconds, peak = process.stdout.split()
    return {"seconds": float(seconds), "peak_mib": int(peak) // 1024}


def describe_machine() -> dict[str, Any]:
    """Describe the hardware and the versions of the software on which the measurements depend."""
    import torch

    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "versions": versions,
    }


def write_result(name: str, arguments: argparse.Namespace, comparisons: list[dict[str, Any]], **facts: Any) -> None:
    """Write what a benchmark measured, with the machine, the commit and the command that it comes from."""
    content = {
        "benchmark": name,
        "command": " ".join(["python", f"benchmarks/{name}.py", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d"),
        "commit": COMMIT,
        "machine": describe_machine(),
        **facts,
        "comparisons": comparisons,
    }
    path = arguments.output or RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")
    print(f"written: {path}")
