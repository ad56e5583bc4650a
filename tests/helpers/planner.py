"""Plan runs of a project without the start of Snakemake each time."""

import json
import subprocess
import sys

from conftest import ROOT

PURE_TARGETS = {"all", "outcomes"}
"""The rules of a complete run that have no script."""


class Planner:
    """Plans runs of a project in one process, which reads the workflow anew each time."""

    def __init__(self, project):
        command = [sys.executable, ROOT / "tests" / "helpers" / "plans.py"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.folder = project.folder
        self.process = subprocess.Popen(command, cwd=self.folder, **pipes)

    def ask(self, config):
        """The number of jobs of each rule that would run, and the code that each rule reads."""
        print(json.dumps(config), file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("planned "):
                answer = json.loads(line.removeprefix("planned "))
                return answer["run"], answer["code"]
        raise AssertionError("the planner ended")

    def plan(self, config):
        """The rules that would run."""
        return set(self.ask(config)[0]) - PURE_TARGETS

    def stop(self):
        self.process.stdin.close()
        self.process.wait()

    def restart(self):
        """Plan in another process, which reads the code anew."""
        self.stop()
        self.__init__(self)
        return self
