"""Ask the process of warm.py to run a program in a fork. It imports little, since each job of a test begins with it."""

import json
import os
import socket
import sys

SOCKET, PYTHON = "WARM_SOCKET", "WARM_PYTHON"
"""The variables that name the socket of that process, and the interpreter that runs what is no script."""


def ask(command, folder, environment, streams):
    """Let a program run in a fork; return its exit status as `subprocess` does.

    Args:
        command: `snakemake` or the path of a script, and further words.
        folder: Its working folder.
        environment: Its environment.
        streams: The file descriptors of its input, output and errors.
    """
    text = json.dumps([command, folder, environment]).encode()
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(os.environ[SOCKET])
        socket.send_fds(line, [len(text).to_bytes(8, "big")], streams)
        line.sendall(text)
        return int(line.recv(16))


if __name__ == "__main__":
    if not sys.argv[1:] or not sys.argv[1].endswith(".py"):
        os.execv(os.environ[PYTHON], [os.environ[PYTHON], *sys.argv[1:]])
    code = ask(sys.argv[1:], os.getcwd(), dict(os.environ), (0, 1, 2))
    sys.exit(code if code >= 0 else 128 - code)
