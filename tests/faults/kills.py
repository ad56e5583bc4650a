"""Kill the whole workflow at random moments, run it again, and compare the scores with an undisturbed run's.

Each time the process group of snakemake and its jobs gets SIGKILL at a seeded random moment of the time that the
undisturbed run took; then the same command goes on, after --unlock as Snakemake asks. Prints a line for each kill and
ends with status 1 where any run ended with other scores.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "workflow", "config", "envs", "profiles")


def command(arguments: argparse.Namespace, *more: str) -> list[str]:
    chosen = ["--cores", str(arguments.cores), *more, "--configfile", *map(str, arguments.configfile)]
    return [sys.executable, "-m", "snakemake", *arguments.goal, *chosen]


def start(arguments: argparse.Namespace, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    """Snakemake in a process group of its own, its output in `output.txt`."""
    with (folder / "output.txt").open("ab") as output:
        return subprocess.Popen(
            command(arguments, *more), cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )


def fresh(parent: Path, name: str) -> Path:
    """A copy of the workflow, without results."""
    folder = parent / name
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    return folder


def finished_jobs(folder: Path) -> int:
    return (folder / "output.txt").read_text(errors="replace").count("Finished jobid")


def scores(folder: Path) -> bytes:
    (path,) = folder.glob("results/*/scores.tsv")
    return path.read_bytes()


def main(arguments: argparse.Namespace) -> int:
    arguments.configfile = [path.resolve() for path in arguments.configfile]
    with tempfile.TemporaryDirectory(prefix="kits-kills-") as temporary:
        parent = Path(temporary)
        reference = fresh(parent, "undisturbed")
        started = time.monotonic()
        if start(arguments, reference).wait():
            sys.exit((reference / "output.txt").read_text())
        lasted = time.monotonic() - started
        expected = scores(reference)
        print(f"undisturbed: {lasted:.0f} s, {finished_jobs(reference)} jobs", flush=True)
        moments, same = random.Random(arguments.seed), 0
        for number in range(1, arguments.kills + 1):
            folder = fresh(parent, f"kill_{number}")
            process, moment = start(arguments, folder), moments.uniform(0, lasted)
            try:
                process.wait(timeout=moment)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            before = finished_jobs(folder)
            subprocess.run(command(arguments, "--unlock"), cwd=folder, capture_output=True, check=False)
            status = start(arguments, folder).wait()
            equal = status == 0 and scores(folder) == expected
            left = [*folder.rglob(".partial.*"), *folder.rglob("*.resume.*")]
            same += equal and not left
            verdict = "same scores" if equal else f"NOT THE SAME (status {status})"
            verdict += f", LEFT BEHIND {left}" if left else ""
            print(f"kill {number:2d} at {moment:5.1f} s, after {before:3d} jobs: {verdict}", flush=True)
            if equal:
                shutil.rmtree(folder)
        print(f"{same} of {arguments.kills} ended with the undisturbed run's scores.tsv, byte for byte")
        return int(same < arguments.kills)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", type=Path, nargs="+", default=[ROOT / "config" / "demo.yaml"])
    parser.add_argument("--goal", nargs="+", default=[], help="files to make; everything unless given")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cores", type=int, default=2)
    sys.exit(main(parser.parse_args()))
