"""Write results/<run>/report.html, if the results there are those of a finished run's configuration, or of a file."""

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from kidney_tumor import cli, configuration, errors, files
from kidney_tumor.data import cohort

STYLE = Path(__file__).parents[1] / "report" / "style.css"
TRIGGERS = ("code", "input", "mtime", "params")
"""Why a job would run again: all that Snakemake knows but the software environment."""


def main(arguments: cli.Arguments) -> None:
    if arguments.configfile:
        config = configuration.read_config(arguments.configfile)
        remedy = f"run `.venv/bin/snakemake --cores 2 --configfile {shlex.quote(str(arguments.configfile))}` first"
        run = Path(cohort.find_results(config))
        if not run.is_dir():
            raise errors.UserError(f"{run} holds no results yet; {remedy}")
        write_report(run, arguments.configfile, str(arguments.configfile), remedy, arguments.snakefile)
        return
    run = Path("results", Path(arguments.run).name)
    remedy = "run the snakemake command of this run again, to its end (docs/how-to/reruns.md says how to keep results)"
    record = run / "provenance.json"
    if not run.is_dir():
        raise errors.UserError(f"there is no run {run}; name one by RUN, as make report RUN=demo")
    if not record.is_file():
        raise errors.UserError(f"{record}, which the end of a complete run writes, is missing; {remedy}")
    with tempfile.TemporaryDirectory() as folder:
        configfile = Path(folder, "config.json")
        configfile.write_text(json.dumps(files.read_json(record, "config")["config"]))
        write_report(run, configfile, f"the configuration in its {record.name}", remedy, arguments.snakefile)


def write_report(run: Path, configfile: Path, name: str, remedy: str, snakefile: Path) -> None:
    """Write the report of a run, if its results are those of a configuration file, which errors call by a name."""
    plan = call_snakemake(snakefile, configfile, "--dry-run", "--quiet", "rules", "--rerun-triggers", *TRIGGERS)
    if "Nothing to be done" not in plan:
        jobs = next((line.split()[1] for line in plan.splitlines() if line.startswith("total ")), "some")
        raise errors.UserError(f"{run} does not belong to {name} and the present code: {jobs} jobs would run; {remedy}")
    with files.write_atomically(run / "report.html") as temporary:
        call_snakemake(snakefile, configfile, "--report", str(temporary), "--report-stylesheet", str(STYLE))
    print(f"report: {run / 'report.html'}")


def call_snakemake(snakefile: Path, configfile: Path, *arguments: str) -> str:
    """Call snakemake and return what it prints; if it fails, raise its own errors, or the end of what it printed."""
    given = ["--snakefile", str(snakefile), "--configfile", str(configfile)]
    command = [sys.executable, "-m", "snakemake", *arguments, *given]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        lines = result.stdout.strip().splitlines()
        own = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        raise errors.UserError("\n".join(own or lines[-2:]))
    return result.stdout


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    results = parser.add_mutually_exclusive_group(required=True)
    results.add_argument("--run", help="name of a complete run, however it was configured")
    results.add_argument("--configfile", type=Path, help="configuration file whose run it is")
    parser.add_argument(
        "--snakefile", type=Path, default=Path("Snakefile"), help="the workflow, ./Snakefile by default"
    )
    cli.run(main, parser)
