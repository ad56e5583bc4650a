"""Locks that processes share: the kernel frees them, however a process ends."""

import subprocess
import sys

from conftest import SCRIPTS

from kits import locks


def test_locks_are_free_again_when_their_process_dies(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = "import sys, time; sys.path[0:0] = [sys.argv[2]]; import tempfile; tempfile.tempdir = sys.argv[1]; "
    code += "from kits import locks; print(locks.acquire('thing', ['a', 'b']), flush=True); time.sleep(60)"
    others = []
    for expected in ("a", "b"):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(SCRIPTS)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline().strip() == expected
        others.append(process)
    others[1].kill()
    others[1].wait()
    assert locks.acquire("thing", ["a", "b"]) == "b"
    others[0].kill()
