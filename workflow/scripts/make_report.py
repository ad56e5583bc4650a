"""Write results/<run>/report.html, if the results there are those of a configuration file."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from kidney_tumor import cli, configuration

WORKFLOW = Path(__file__).parents[1]
NOTHING_TO_DO = "Nothing to be done"
TRIGGERS = ("code", "input", "mtime", "params")
"""Why a job would run again: all that Snakemake knows but the software environment."""


def main(arguments: argparse.Namespace) -> None:
    config = configuration.read_config(arguments.configfile, WORKFLOW.parent / "config" / "config.yaml")
    run = Path("results", config["run"])
    remedy = f"run `.venv/bin/snakemake --cores 2 --configfile {shlex.quote(str(arguments.configfile))}` first"
    if not run.is_dir():
        raise cli.UserError(f"{run} holds no results yet; {remedy}")
    plan = call_snakemake(arguments.configfile, "--dry-run", "--quiet", "rules", "--rerun-triggers", *TRIGGERS)
    if NOTHING_TO_DO not in plan:
        jobs = next((line.split()[1] for line in plan.splitlines() if line.startswith("total ")), "some")
        raise cli.UserError(
            f"{run} does not belong to {arguments.configfile} and the present code: {jobs} jobs would run; {remedy}"
        )
    with cli.write_atomically(run / "report.html") as temporary:
        style = WORKFLOW / "report" / "style.css"
        call_snakemake(arguments.configfile, "--report", str(temporary), "--report-stylesheet", str(style))
    print(f"report: {run / 'report.html'}")


def call_snakemake(configfile: Path, *arguments: str) -> str:
    """Call snakemake and return what it prints.

    Raises:
        UserError: It failed; the workflow's own errors, or the end of what it printed.
    """
    command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", str(configfile)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        lines = result.stdout.strip().splitlines()
        own = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        raise cli.UserError("\n".join(own or lines[-2:]))
    return result.stdout


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--configfile", type=Path, required=True, help="configuration of the run")
    cli.run(main, parser)
