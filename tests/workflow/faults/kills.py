"""Kill the whole workflow at random moments, run it again, and compare the scores with an undisturbed run's.

Each time the process group of Snakemake and its jobs gets SIGKILL at a seeded random moment of the time that the
undisturbed run took; then the same command continues, after --unlock as Snakemake asks. The script prints a line for
each kill, and ends with status 1 if any run ended with other scores or left temporary files behind.
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

ROOT = Path(__file__).parents[3]
PARTS = ("Snakefile", "workflow", "config", "envs", "profiles")


def make_command(arguments: argparse.Namespace, *more: str) -> list[str]:
    """Make the command that runs the workflow, with `more` options."""
    chosen = ["--cores", str(arguments.cores), *more, "--configfile", *map(str, arguments.configfile)]
    return [sys.executable, "-m", "snakemake", *arguments.goal, *chosen]


def start_snakemake(arguments: argparse.Namespace, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start Snakemake in a process group of its own; its output is added to `output.txt`."""
    with (folder / "output.txt").open("ab") as output:
        return subprocess.Popen(
            make_command(arguments, *more), cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )


def copy_workflow(parent: Path, name: str) -> Path:
    """Copy the workflow, without results, to a new folder, and return that."""
    folder = parent / name
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    return folder


def count_finished_jobs(folder: Path) -> int:
    """Count the jobs that have finished according to Snakemake's logs."""
    logs = (folder / ".snakemake" / "log").glob("*.log")
    return sum(path.read_text(errors="replace").count("Finished jobid") for path in logs)


def read_scores(folder: Path) -> bytes:
    """Read the scores of the only run in the folder."""
    (path,) = folder.glob("results/*/scores.tsv")
    return path.read_bytes()


def main(arguments: argparse.Namespace) -> int:
    arguments.configfile = [path.resolve() for path in arguments.configfile]
    with tempfile.TemporaryDirectory(prefix="kidney-tumor-kills-") as temporary:
        parent = Path(temporary)
        reference = copy_workflow(parent, "undisturbed")
        started = time.monotonic()
        if start_snakemake(arguments, reference).wait():
            sys.exit((reference / "output.txt").read_text())
        lasted = time.monotonic() - started
        expected = read_scores(reference)
        print(f"undisturbed: {lasted:.0f} s, {count_finished_jobs(reference)} jobs", flush=True)
        moments, same = random.Random(arguments.seed), 0
        for number in range(1, arguments.kills + 1):
            folder = copy_workflow(parent, f"kill_{number}")
            process, moment = start_snakemake(arguments, folder), moments.uniform(0, lasted)
            try:
                process.wait(timeout=moment)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            before = count_finished_jobs(folder)
            subprocess.run(make_command(arguments, "--unlock"), cwd=folder, capture_output=True, check=False)
            status = start_snakemake(arguments, folder).wait()
            equal = status == 0 and read_scores(folder) == expected
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
    parser.add_argument(
        "--configfile",
        type=Path,
        nargs="+",
        default=[ROOT / "config" / "demo.yaml"],
        help="configuration files of the runs",
    )
    parser.add_argument("--goal", nargs="+", default=[], help="files to make; all if left out")
    parser.add_argument("--kills", type=int, default=20, help="number of runs to kill")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random moments")
    parser.add_argument("--cores", type=int, default=2, help="number of cores of a run")
    sys.exit(main(parser.parse_args()))
