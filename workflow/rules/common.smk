import os
import shlex
import sys
import time
from pathlib import Path

# Relative where snakemake runs in the repository, so that moving the repository reruns nothing.
SCRIPTS = os.path.relpath(Path(workflow.basedir) / "workflow" / "scripts")
RESOURCES = Path(os.path.relpath(Path(workflow.basedir) / "workflow" / "resources"))
PAPER = str(RESOURCES / "paper_claims.tsv")
STATED = RESOURCES / "paper_settings.yaml"
sys.path.insert(0, SCRIPTS)

from kits import cli, cohort, configuration, gpu, provenance

try:
    configuration.parse_texts(config)
    configuration.validate(config)
    RESULTS = f"results/{config['run']}"
    COHORT, CASES = configuration.cohort_of(config)
    SPLITS = cohort.split_cases(CASES, **config["split"])
except cli.UserError as error:
    cli.fail(str(error))

STARTED = time.time()

# A case that lacks a file is left to rule check, which names it beside all other bad cases and stops the run;
# Snakemake's own message would come first and know nothing of the others.
COMPLETE = configuration.having(config, COHORT, CASES, *cohort.VOLUMES)
LABELLED = configuration.having(config, COHORT, CASES, "segmentation.nii.gz")

# The folder of each split under the run's, the run's own where there is only one; its cases.
FOLDERS = [f"split_{number}/" for number in range(1, len(SPLITS) + 1)] if len(SPLITS) > 1 else [""]
TRAINED, TESTED = (
    {
        folder: [case for case in COMPLETE if split[case] == subset]
        for folder, split in zip(FOLDERS, SPLITS, strict=True)
    }
    for subset in ("train", "test")
)
SPLIT_LABEL = {"split": "{split}"} if len(SPLITS) > 1 else {}

# `python3` in a rule is the interpreter that runs snakemake, unless conda provides one for each rule.
if not workflow.deployment_settings.deployment_method:
    interpreters = shlex.quote(os.path.dirname(sys.executable)).replace("{", "{{").replace("}", "}}")
    shell.prefix(f'set -euo pipefail; export PATH={interpreters}:"$PATH"; ')


def script(name):
    """The script of a rule. As an input, like its modules: an edit reruns the rule."""
    return f"{SCRIPTS}/{name}.py"


def modules(*names):
    """The modules of the package that decide a rule's result."""
    return [f"{SCRIPTS}/kits/{name}.py" for name in names]


def options(section, *keys):
    """Command-line options of a section of the configuration, or of some of its keys."""
    return configuration.options({key: config[section][key] for key in keys or config[section]})


def compute_options():
    """Options of the scripts that run networks."""
    choices = {key: str(config[key]).lower() for key in ("device", "precision", "deterministic")}
    return configuration.options(choices)


# No parameters of a rule: how a volume is fetched does not decide what it is.
DOWNLOADING = options("download", "attempts", "timeout", "lock")


def address(volume, case):
    """Where a case's volume, `imaging` or `segmentation`, is fetched."""
    key = "imaging" if volume == "imaging" else "labels"
    template, revision = config["download"][key], config["download"][f"{key}_revision"]
    return template.replace("{revision}", revision).replace("{case}", case)


def growing(mem_mb, runtime):
    """Memory (MB) and minutes that a job asks of a cluster, as much again with every further attempt."""
    return {
        "mem_mb": lambda wildcards, attempt: mem_mb * attempt,
        "runtime": lambda wildcards, attempt: runtime * attempt,
    }


def slices_of(cases):
    """The extracted slices of some cases."""
    return expand("<results>/slices/{case}/{file}", case=cases, file=["images.npy", "labels.npy", "slices.json"])


def of_test_cases(pattern):
    """A file for each test case of each split: `pattern` has the wildcards split and case."""
    return [path for folder, cases in TESTED.items() for path in expand(pattern, split=folder, case=cases)]


def batched(cases, size):
    """Cases in lists of `size`; the last may be shorter."""
    return [cases[start : start + size] for start in range(0, len(cases), size)]


def leading_to(goal):
    """Pairs of rules on the way to one of them, as first:second, where the first makes what the second reads."""
    jobs, edges = {job for job in workflow.dag.jobs if job.rule.name == goal}, set()
    while jobs:
        above = {needed: job for job in jobs for needed in workflow.dag.dependencies[job]}
        for job in jobs:
            edges |= {(plain(needed.rule.name), plain(job.rule.name)) for needed in workflow.dag.dependencies[job]}
        jobs = set(above)
    return sorted(f"{first}:{second}" for first, second in edges)


def plain(name):
    """A job's name without its number, since predict_1, predict_2 ... are one."""
    return name.rstrip("0123456789").rstrip("_")


def warn_without_gpu():
    """One warning for the whole run, where networks will run on the CPU although a GPU was hoped for."""
    networks = any(job.rule.name.startswith(("train", "predict")) for job in workflow.dag.needrun_jobs())
    if networks and workflow.local_exec and config["device"] == "auto" and not gpu.gpu_present():
        logger.warning(
            "No GPU found: the networks run on the CPU, where the paper's settings take weeks; "
            "README.md (Run your own) shows smaller ones, `make demo` takes minutes."
        )


def see_cancelled_jobs():
    """Let the SLURM plugin ask about its jobs with workflow/slurm/sacct."""
    if not workflow.local_exec:
        cli.prefer_commands(Path(workflow.basedir, "workflow", "slurm").resolve())


def state_licence():
    """The terms of the data, said where they are about to be fetched."""
    if any(plain(job.rule.name) == "download" for job in workflow.dag.needrun_jobs()):
        logger.warning(
            "KiTS19 is fetched (all of it: some 20 GB), under CC BY-NC-SA 4.0 (attribution, no commercial use, share alike); "
            f"checksums are compared with, or added to, {config['download']['lock']}."
        )


def complete_run():
    """Whether the command made everything: only then does the configuration speak for all results."""
    return any(job.rule.name == "all" and workflow.dag.finished(job) for job in workflow.dag.jobs)


def repeat_errors():
    """Say at the end what went wrong: the jobs' own errors are lost among Snakemake's messages about them."""
    logs = [path for path in Path(RESULTS, "logs").rglob("*.log") if path.stat().st_mtime >= STARTED]
    lines = [line for path in sorted(logs) for line in path.read_text(errors="replace").splitlines()]
    for line in dict.fromkeys(line for line in lines if line.startswith("error: ")):
        logger.error(line)
