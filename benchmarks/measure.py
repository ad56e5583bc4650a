"""What the benchmarks share: interleaved rounds, ratios with their spread, peak memory, a JSON file."""

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
sys.path.insert(0, str(SCRIPTS))


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True).stdout.strip()


# At the start: what is measured is what was imported.
COMMIT = _git("rev-parse", "--short", "HEAD")
if _git("status", "--porcelain", "--", "Snakefile", "workflow", "config", "envs", "benchmarks/*.py"):
    COMMIT += "-dirty"

PACKAGES = ("connected-components-3d", "fill-voids", "isal", "monai", "nibabel", "numpy", "scikit-image", "scipy")

LAUNCHER = """
import resource, subprocess, sys, time
start = time.perf_counter()
result = subprocess.run([sys.executable, *sys.argv[1:]], stdout=subprocess.DEVNULL)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(result.returncode)
"""
"""Runs a script from a small process: a child's peak memory begins with that of the process that starts it."""


def parser(description: str) -> argparse.ArgumentParser:
    """The options of every benchmark."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    options.add_argument("--rounds", type=int, default=5, help="measurements of each contender, after a warm-up")
    options.add_argument("--output", type=Path, help="JSON to write; benchmarks/results/<name>.json if left out")
    return options


def timed(work: Callable[[], Any]) -> float:
    """Seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(
    contenders: dict[str, Callable[[], Any]], reference: str, rounds: int, warm: bool = False, **facts: Any
) -> dict[str, Any]:
    """Time contenders in turn, round by round, and print how many times faster than the reference each is.

    A ratio compares two measurements of one round, so that what slows the machine for a while slows both. All have run
    once before; `warm` says that they already have.
    """
    for name, work in () if warm else contenders.items():
        print(f"  warm-up: {name}: {timed(work):.2f} s", flush=True)
    seconds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            seconds[name].append(timed(work))
    rows = []
    for name, values in seconds.items():
        ratios = [base / value for base, value in zip(seconds[reference], values, strict=True)]
        rows.append({"name": name, "seconds": spread(values), "ratio": spread(ratios)})
        print(
            f"  {name:42s} {statistics.median(values):9.3f} s   {statistics.median(ratios):6.2f} x "
            f"({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )
    return {**facts, "reference": reference, "rounds": rounds, "rows": rows}


def spread(values: list[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    named = {"median": statistics.median(values), "low": min(values), "high": max(values)}
    return {name: float(f"{value:.4g}") for name, value in named.items()}


def run_job(*command: object) -> dict[str, float]:
    """Run a script as the workflow does: its seconds, interpreter and imports included, and its peak memory in MiB."""
    process = subprocess.run([sys.executable, "-c", LAUNCHER, *map(str, command)], capture_output=True, text=True)
    if process.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{process.stderr}")
    seconds, peak = process.stdout.split()
    return {"seconds": float(seconds), "peak_mib": int(peak) // 1024}


def machine() -> dict[str, Any]:
    """What the figures depend on."""
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


def write(name: str, arguments: argparse.Namespace, comparisons: list[dict[str, Any]], **facts: Any) -> None:
    """Write a benchmark's figures beside the machine, the commit and the command they come from."""
    content = {
        "benchmark": name,
        "command": " ".join(["python", f"benchmarks/{name}.py", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d"),
        "commit": COMMIT,
        "machine": machine(),
        **facts,
        "comparisons": comparisons,
    }
    path = arguments.output or RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")
    print(f"written: {path}")
