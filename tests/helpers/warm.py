"""Run `snakemake` in forks of a process that has imported it, since its imports take longer than most plans.

A fork begins as a new process would: with its own folder, environment, words and output.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory


@cache
def start() -> subprocess.Popen[str]:
    """Start the process, once; it ends with this one, which holds its input open."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, __file__], text=True, **pipes)


def run_snakemake(
    folder: Path, *words: object, joined: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `snakemake` with some words in a folder.

    Args:
        folder: The folder.
        words: The words after `snakemake`.
        joined: Whether stdout has what goes to stderr, too, each in its place.
        environment: Variables beside those of this process.
    """
    command = ["snakemake", *map(str, words)]
    with TemporaryDirectory() as place:
        out, err = f"{place}/out", f"{place}/{'out' if joined else 'err'}"
        asked = {"command": command, "folder": str(folder), "environment": os.environ | environment}
        server = start()
        print(json.dumps(asked | {"out": out, "err": err}), file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(command, code, *(Path(path).read_text() for path in (out, err)))


def become(asked: dict) -> None:
    """Let this fork be as a new process that was started with a command."""
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    out = os.open(asked["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    err = os.open(asked["err"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream, file in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
        os.dup2(file, stream)
    sys.argv[:] = asked["command"]
    sys.path[0] = asked["folder"]


def serve() -> None:
    """Run the commands that the lines of the input have in JSON, and answer each with its exit status."""
    import snakemake.cli
    import snakemake.workflow

    snakemake.cli.get_argument_parser()  # imports the plugins
    for line in sys.stdin:
        if not os.fork():
            become(json.loads(line))
            snakemake.workflow.Workflow._rundir = os.getcwd()  # which was stated on import
            snakemake.cli.main()
        print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)


if __name__ == "__main__":
    serve()
