"""Plan a run of the workflow many times in one process; print each time the jobs that would run, and their code.

It runs in a project's folder, and reads a configuration in JSON from each line. It answers with a line `planned` and a
JSON object: `run` counts the jobs of each rule that would run, and `code` has for each rule of the plan the script of
each of its jobs and the digest of its code, each pair once.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import snakemake.api
import yaml
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

# A third of a plan's time went there. Rule files, which no test edits, are translated to Python once and run anew.
yaml.SafeLoader = yaml.CSafeLoader
translate, translated = snakemake.workflow.parse, {}


def translate_once(path, workflow, linemap, rulecount):
    """Translate a rule file to Python as Snakemake does, or return what that gave before."""
    key = path.get_path_or_uri(secret_free=True), rulecount
    if key not in translated:
        translated[key] = translate(path, workflow, linemap, rulecount=rulecount), linemap
    result, lines = translated[key]
    linemap |= lines
    return result


snakemake.workflow.parse = translate_once


def name_code(job) -> tuple[str, ...]:
    """Name the script of a job and the recorded digest of its code; nothing for a rule without a script."""
    code = job.params.get("code")
    return (Path(job.params.script).stem, code) if code in job.non_derived_params else ()


def plan(config: dict) -> dict:
    """Plan a run under a configuration that overrides the default one."""
    with snakemake.api.SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, dryrun=True)) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=2),
            config_settings=ConfigSettings(config=config),
            snakefile=Path("Snakefile"),
        )
        workflow.dag(dag_settings=DAGSettings()).execute_workflow(executor="dryrun")
        dag, code = workflow._workflow.dag, {}
        for job in dag.jobs:
            code.setdefault(job.rule.name, set()).add(name_code(job))
        run = Counter(job.rule.name for job in dag.needrun_jobs(exclude_finished=False))
        return {"run": run, "code": {rule: sorted(names) for rule, names in code.items()}}


if __name__ == "__main__":
    for line in sys.stdin:
        print("planned", json.dumps(plan(json.loads(line))), flush=True)
