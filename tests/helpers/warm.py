"""Run Snakemake and scripts in forks of a process that has imported what they import, which is most of their start.

A fork begins as a new process would, with its own folder, environment, words and streams. Snakemake there finds
`bin/python3`, so that its jobs are forks, too. What tests kill, or ask what it imports, they start in the plain way.
"""

import atexit
import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import traceback
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import NoReturn

from helpers.ask import PYTHON, SOCKET, ask

SHIM = Path(__file__).parent / "bin" / "python3"
IMPORTED = (
    "matplotlib.pyplot", "nibabel", "pandas", "scipy.ndimage", "scipy.optimize", "scipy.sparse.csgraph",
    "scipy.spatial", "scipy.stats", "skimage.measure", "snakemake.cli", "torch",
)  # fmt: skip
"""What takes long to import. The workflow's own package is not among it, since each project has a copy."""


@cache
def start() -> None:
    """Start the process, once. It ends with this one, which holds its input open."""
    folder = mkdtemp()
    os.environ |= {SOCKET: f"{folder}/socket", PYTHON: sys.executable}
    server = subprocess.Popen(
        [sys.executable, "-m", "helpers.warm"],
        cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    server.stdout.readline()
    atexit.register(shutil.rmtree, folder)


def run(command, folder: Path, joined: bool = False, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `snakemake` or a script.

    Args:
        command: `snakemake` or the path of a script, and further words.
        folder: The working folder.
        joined: Whether stdout has what goes to stderr, too, each in its place.
        environment: Variables beside those of this process.
    """
    command = list(map(str, command))
    if sys.platform != "linux":  # elsewhere a fork may not compute with what it did not import itself
        program = [sys.executable, *(["-m"] if command[0] == "snakemake" else []), *command]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT if joined else subprocess.PIPE}
        return subprocess.run(program, cwd=folder, env=os.environ | environment, text=True, **pipes)
    start()
    with TemporaryDirectory() as place, open(os.devnull) as nothing:
        paths = [Path(place, "out"), Path(place, "out" if joined else "err")]
        with paths[0].open("a") as out, paths[1].open("a") as err:
            streams = nothing.fileno(), out.fileno(), err.fileno()
            code = ask(command, str(folder), os.environ | environment, streams)
        return subprocess.CompletedProcess(command, code, *(path.read_text() for path in paths))


def run_snakemake(folder: Path, *words: object, **options) -> subprocess.CompletedProcess[str]:
    """Run `snakemake` with some words in a folder; the options are those of `run`."""
    return run(["snakemake", *words], folder, **options)


def become(command: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    """Let this fork be as a new process, and run a command in it."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = command
    if command[0] == "snakemake":
        sys.path[0] = folder
        os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        sys.executable = str(SHIM)  # whose folder the workflow puts before others
        sys.modules["snakemake.workflow"].Workflow._rundir = folder  # which was stated on import
        sys.modules["snakemake.cli"].main()
    else:
        del sys.path[0]  # which names the folder of this file; runpy puts the script's there
        sys.path.insert(0, os.path.dirname(command[0]))
        runpy.run_path(command[0], run_name="__main__")


def end_soon(function, *arguments) -> NoReturn:
    """Call a function and end as Python would, but without tidying up what was imported, which takes half a second."""
    code = 0
    try:
        function(*arguments)
    except SystemExit as stopped:
        code = stopped.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else code is not None)


def answer(line: socket.socket) -> None:
    """Run what is asked for in a fork, whose end this process waits for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(line, 8, 3)
    with line.makefile("rb") as file:
        asked = json.loads(file.read(int.from_bytes(size, "big")))
    child = os.fork()
    if not child:
        line.close()
        end_soon(become, *asked, streams)
    line.sendall(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
    os._exit(0)


def serve() -> None:
    """Answer until the input ends."""
    for name in IMPORTED:
        import_module(name)
    sys.modules["snakemake.cli"].get_argument_parser()  # imports the plugins
    gc.freeze()  # else a fork copies all of this memory as it looks for garbage
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks that have ended vanish
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(os.environ[SOCKET])
        door.listen()
        print("ready", flush=True)
        while door in select.select([door, sys.stdin], [], [])[0]:
            line, _ = door.accept()
            if not os.fork():
                door.close()
                answer(line)
            line.close()


if __name__ == "__main__":
    serve()
