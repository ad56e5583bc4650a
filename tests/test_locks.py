"""Locks that processes share: the kernel frees them, however a process ends."""

import os
import subprocess
import sys

from conftest import SCRIPTS

from kidney_tumor import locks


def test_locks_are_free_again_when_their_process_dies(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = "import sys, time; sys.path[0:0] = [sys.argv[2]]; import tempfile; tempfile.tempdir = sys.argv[1]; "
    code += "from kidney_tumor import locks; print(locks.acquire('thing', ['a', 'b']), flush=True); time.sleep(60)"
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


def test_each_process_claims_another_of_several_gpus(tmp_path):
    """And a process that sees one GPU, or none, keeps what it sees."""
    code = "import os, sys; sys.path[0:0] = [sys.argv[1]]; from kidney_tumor.networks import hardware; "
    code += "hardware.claim_gpu(); "
    code += "print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); sys.stdin.read()"
    others, claimed = [], []
    for seen in ("2,5", "2,5", "2", ""):
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": seen, "TMPDIR": str(tmp_path)}
        command = [sys.executable, "-c", code, str(SCRIPTS)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        claimed.append(process.stdout.readline().strip())
        others.append(process)
    for process in others:
        process.communicate()
    assert claimed == ["2", "5", "2", ""]
