"""Plan a run of the workflow many times in one process, and print the rules that would run each time.

It runs in a project's folder, and reads a JSON list of configurations.
"""

import json
import sys
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings


def plan(config: dict) -> list[str]:
    """Name the rules of which a job would run under a configuration that overrides the default one."""
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, dryrun=True)) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=2),
            config_settings=ConfigSettings(config=config),
            snakefile=Path("Snakefile"),
        )
        workflow.dag(dag_settings=DAGSettings()).execute_workflow(executor="dryrun")
        return sorted({job.rule.name for job in workflow._workflow.dag.needrun_jobs(exclude_finished=False)})


if __name__ == "__main__":
    for line in sys.stdin:
        print("planned", json.dumps(plan(json.loads(line))), flush=True)
