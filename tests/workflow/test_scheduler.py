"""How often Snakemake evaluates which jobs to begin, which costs CPU time while they run."""

import subprocess
import sys

import pytest
import yaml
from conftest import TINY

WAITING = """
rule all:
    input:
        expand("{number}.txt", number=range(8)),


rule wait:
    output:
        "{number}.txt",
    shell:
        "sleep 1; touch {output}"
"""
COUNT = """
import sys
from snakemake.cli import args_to_api, parse_args
from snakemake.scheduling.job_scheduler import JobScheduler

select, limiters = JobScheduler.job_selector, []


def watch(scheduler, jobs):
    limiters.append(scheduler.job_rate_limiter)
    return select(scheduler, jobs)


JobScheduler.job_selector = watch
parser, arguments = parse_args(sys.argv[1:])
assert args_to_api(arguments, parser)
print(len(limiters), *(limiter and limiter.max_jobs for limiter in set(limiters)))
"""


def count_evaluations(folder, *arguments):
    """The number of evaluations of a run on one core, and its limits of job starts."""
    command = [sys.executable, "-c", COUNT, "--cores", "1", "--quiet", "all", *arguments]
    output = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    evaluations, *limits = output.splitlines()[-1].split()
    return int(evaluations), limits


@pytest.mark.slow
def test_snakemake_still_evaluates_ever_more_often(tmp_path):
    """Once this fails, Snakemake is mended: delete `lift_default_rate` and findings/snakemake_scheduler_timers.sh."""
    (tmp_path / "Snakefile").write_text(WAITING)
    evaluations, limits = count_evaluations(tmp_path)
    assert limits == ["100"]
    assert evaluations > 3 * 8  # one for each job and one a second are 17; all timers together are 36


@pytest.mark.parametrize(("given", "limit"), [((), "None"), (("--max-jobs-per-timespan", "7/1s"), "7")])
def test_only_the_default_limit_is_lifted(project, given, limit):
    (project.folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    arguments = (*given, "--configfile", "tiny.yaml", "--", "results/tiny/split.tsv")
    assert count_evaluations(project.folder, *arguments)[1] == [limit]
