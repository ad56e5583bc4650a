#!/bin/bash
# Snakemake 9.27.1 evaluates its scheduler ever more often while jobs run, unless its limit of job starts is taken away.
#
# After each evaluation with jobs that are ready, the scheduler starts a timer of one second that asks for another evaluation,
# since the limit of 100 starts a second may have left jobs out. Guess beforehand: one evaluation a second, and one for each job
# that ends. But each of these starts a timer of its own, and a timer's evaluation the next one, so none of them ever ends: 24 jobs
# of a second on one core are evaluated 300 times (1 + 2 + ... + 24). Without the limit, it is once for each job.
# This workflow takes the default limit away when a run begins, which its jobs never reach.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check snakemake==9.27.1
cd "$folder"
cat >Snakefile <<'SNAKEFILE'
rule all:
    input:
        expand("{number}.txt", number=range(24)),


rule wait:
    output:
        "{number}.txt",
    shell:
        "sleep 1; touch {output}"


if config.get("unlimited"):

    onstart:
        workflow.scheduler.job_rate_limiter = None
SNAKEFILE
cat >count.py <<'PYTHON'
"""Count how often a run of Snakemake evaluates its scheduler."""

import sys
from importlib.metadata import version

from snakemake.cli import args_to_api, parse_args
from snakemake.scheduling.job_scheduler import JobScheduler

select, counted = JobScheduler.job_selector, []


def count(scheduler, jobs):
    counted.append(len(jobs))
    return select(scheduler, jobs)


JobScheduler.job_selector = count
parser, arguments = parse_args(["--cores", "1", "--quiet", "all", "--forceall", *sys.argv[1:]])
assert args_to_api(arguments, parser)
print(len(counted))
PYTHON
limited=$(venv/bin/python count.py 2>/dev/null)
unlimited=$(venv/bin/python count.py --config unlimited=true 2>/dev/null)
echo "2026-11-30, snakemake 9.27.1"
echo "24 jobs of a second on one core: $limited evaluations with the default limit, $unlimited without a limit"
test "$limited" -gt 200 && test "$unlimited" -lt 30
