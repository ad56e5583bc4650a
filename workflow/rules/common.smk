import json
import os
import re
import shlex
import sys
from functools import cache

from snakemake.io import flag
from snakemake.path_modifier import PATH_MODIFIER_FLAG

SCRIPTS = WORKFLOW / "scripts"
RESOURCES = WORKFLOW / "resources"
sys.path.insert(0, str(SCRIPTS))
os.environ.pop("PYTHONSAFEPATH", None)  # scripts find the package beside them, and so must the jobs' Python

from kidney_tumor import cli, configuration, errors, provenance, sources
from kidney_tumor.data import cohort, methods, parts, split, targets
from kidney_tumor.filter import variants
from kidney_tumor.networks import hardware
from kidney_tumor.scans import folder as scan_folder
from kidney_tumor.scans import manifest

try:
    configuration.fill_defaults(config)
    configuration.parse_texts(config)
    configuration.validate(config)
except errors.UserError as error:
    errors.fail(str(error))


def replace_prefix(folder):
    """Return where a folder of a rule lies for an importer that gives this module a prefix, or replaces one."""
    return workflow.modifier.path_modifier.replace_prefix(f"{folder}/", "input").rstrip("/")


def place_results():
    """Return the folder of the run as rules name it, with what an importer replaces; end with an error if it cannot be.

    Snakemake adds an importer's prefix to the paths of rules, but replaces one only where a path begins with it.
    """
    run, moves, move = cohort.find_results(config), [], workflow.modifier.path_modifier
    while move:
        moves += [move] if move.prefix or move.modifies_prefixes else []
        move = move.inner_modifier
    if not any(move.modifies_prefixes for move in moves):
        return run
    if len(moves) > 1:
        errors.fail(
            "replace_prefix: modules within modules move the results twice; use prefix in each, or replace_prefix once"
        )
    return replace_prefix(run)


pathvars:
    results=place_results(),
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


def locate(folder):
    """Return where a folder, as rules name it, lies on disk."""
    return workflow.pathvars.apply(replace_prefix(folder))


def mark_located(paths):
    """Mark paths that were found on disk, so that Snakemake does not add an importer's prefix again."""
    return [flag(path, PATH_MODIFIER_FLAG) for path in paths]


RESULTS = locate("<results>")

# The cohort as rules name it, and its parts. A missing one is reported when jobs are planned, since --lint and
# --list-rules need none.
ROOT = cohort.find_root(config)
IMAGE, LABEL = (f"{ROOT}/{{case}}/{volume}" for volume in cohort.VOLUMES)
try:
    COHORT = parts.divide_cohort(config, locate(ROOT))
except errors.UserError as error:
    errors.fail(str(error))

# A case that lacks a file is left to rule check_cohort, which reports it with all other bad cases and stops the run.
# Snakemake's own message would come first and would not report the others. If a case lacks a file, splitting and
# training wait for the check, which then fails. They do not wait if the cohort is complete, so that an edit of the check
# retrains nothing; the extraction of slices finds bad volumes, too.
GATE = [] if COHORT.complete == COHORT.cases else "<results>/cohort.tsv"


def count_label_threads():
    """Count the cores of a job that reads all labels: on this machine at most half of them, to run beside a training."""
    if COHORT.is_phantom:  # small
        return 1
    settings = workflow.resource_settings
    on_cluster = settings.nodes or not workflow.is_main_process
    return 4 if on_cluster or not settings.cores else max(1, min(4, settings.cores // 2))


LABEL_THREADS = count_label_threads()

# The clinical record of the cases, and its table where there is one.
RECORD = os.path.expanduser((not COHORT.is_phantom and config["data"]["record"]) or f"{ROOT}/kits.json")
HAS_RECORD = COHORT.is_phantom or Path(locate(RECORD)).is_file()
RECORD_TABLE = ["<results>/record.tsv"] if HAS_RECORD and COHORT.labeled else []
if config["data"]["record"] and not HAS_RECORD:
    errors.fail(f"data.record: there is no file {locate(RECORD)}; name the clinical record, or set the key to null")

# `python3` in a rule is the interpreter that runs Snakemake, unless conda provides one for each rule.
if not workflow.deployment_settings.deployment_method:
    cli.prefer_commands(Path(sys.executable).parent)

# Jobs find the command that keeps their logs.
cli.prefer_commands((WORKFLOW / "bin").resolve())


@cache
def strip_name(rule):
    """Return the name of a rule in this workflow, whatever an importer calls it; None if it is another workflow's.

    If an importer takes single rules once more, this file is read again, and the rules of both readings have one place.
    """
    places = {(own.rule.snakefile, own.rule.lineno): name for name, own in rules._rules.items()}
    return places.get((rule.snakefile, rule.lineno))


def require_cohort(wildcards):
    """Return no file; if the cohort is missing, end with its error when jobs are planned."""
    if COHORT.missing:
        errors.fail(COHORT.missing)
    return []


@cache
def announce_lacking():
    """Say once, when jobs are planned, which files of the cohort are missing."""
    if lacking := COHORT.describe_lacking():
        logger.warning(
            f"{lacking}: check_cohort will stop the run; put them there, or leave their cases out (data.cases, data.exclude)."
        )


def announce_lacking_volumes(wildcards):
    """Return no file; say which files of the cohort are missing."""
    announce_lacking()
    return []


def require_record(wildcards):
    """Return no file; if there is no clinical record, end with an error when jobs are planned."""
    require_cohort(wildcards)
    if not HAS_RECORD:
        errors.fail(
            f"{locate(RECORD)} is missing; put the clinical record of the cohort there, which is data/kits.json in KiTS19's "
            "repository, or name another file in data.record"
        )
    return []


def leave_unrecorded(value):
    """Make a parameter that Snakemake does not record, since it decides no result: its change repeats no job."""
    return lambda wildcards, output: value


def find_script(name):
    """Return the path of a script; if this Python cannot run it, end with an error when jobs are planned."""
    script = SCRIPTS / f"{name}.py"
    if not workflow.deployment_settings.deployment_method and (missing := sources.find_missing(script)):
        errors.fail(
            f"{sys.executable} has no {', '.join(missing)}, which {name} needs; run the snakemake of the clone's .venv "
            "(`make .venv` installs it), or install envs/requirements.txt"
        )
    return script


@cache
def digest_script(name, *files):
    """Compute the digest of a script's code and of other files that it reads, once its rule has a job."""
    return sources.digest_code(SCRIPTS / f"{name}.py", files)


def use_script(name, **files):
    """Make the parameters for the script of a rule, with its path, those of other files that it reads, and their digest.

    Only the digest is recorded, so that another code runs again, and not other comments or another place.
    """
    paths = {key: leave_unrecorded(path) for key, path in files.items()}
    return {
        "script": lambda wildcards, output: find_script(name),
        "code": lambda wildcards: digest_script(name, *files.values()),
        **paths,
    }


def run_script(options):
    """Make the command that runs a rule's script with these options, and keeps in its log what it prints."""
    return f"python3 {{params.script:q}} {options} 2>&1 | keep_log {{log:q}}"


def list_options(section, *keys, without=()):
    """List the command-line options for a section of the configuration, for some of its keys or all but some."""
    chosen = [key for key in keys or config[section] if key not in without]
    return configuration.make_options({key: config[section][key] for key in chosen})


def make_address(volume, case):
    """Make the address from which a case's volume, `imaging` or `segmentation`, is fetched."""
    key = "imaging" if volume == "imaging" else "labels"
    template, revision = config["download"][key], config["download"][f"{key}_revision"]
    return template.replace("{revision}", revision).replace("{case}", case)


def show_in_report(path, caption, category, what):
    """Mark an output for the report, with the name of its caption in report/, a category, and what it shows."""
    split = {"split": "{split}"} if "{split}" in path and len(COHORT.splits) > 1 else {}
    caption = WORKFLOW / "report" / f"{caption}.rst"
    return report(path, caption=str(caption), category=category, labels={"what": what} | split)


def request(mem_mb, runtime):
    """Request memory in MB and runtime in minutes for a job, which grow with every attempt."""
    return {
        "mem_mb": lambda wildcards, attempt: mem_mb * attempt,
        "runtime": lambda wildcards, attempt: runtime * attempt,
    }


def list_slices(cases):
    """List the files of the extracted slices of some cases."""
    return expand("<results>/slices/{case}/{file}", case=cases, file=["images.npy", "labels.npy", "slices.json"])


def find_parent(paths, levels=1):
    """Find the folder that holds the first of some paths, or is so many levels above it; empty if there is none."""
    return str(Path(paths[0]).parents[levels - 1]) if paths else ""


def expand_test_cases(pattern):
    """List a file for each test case of each split, with the wildcards split and case; if none is complete, the gate."""
    return [
        path for folder, cases in COHORT.tested.items() for path in expand(pattern, split=folder, case=cases)
    ] or GATE


def find_edges(goal):
    """List the rules that lead to a goal as pairs first:second, where the second reads what the first writes."""
    jobs, edges = {job for job in workflow.dag.jobs if strip_name(job.rule) == goal}, set()
    while jobs:
        needs = {(needed, job) for job in jobs for needed in workflow.dag.dependencies[job]}
        edges |= {(strip_name(needed.rule), strip_name(job.rule)) for needed, job in needs}
        jobs = {needed for needed, _ in needs}
    return sorted(f"{first}:{second}" for first, second in edges)
