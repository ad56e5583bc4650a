#!/bin/bash
# A process that imports torch 2.13.0, and does nothing with it, spends a seventh to a fifth of its time searching for garbage.
#
# When Python ends, it searches all objects for garbage, and torch's import leaves 165,000 of them. Guess beforehand: the end costs
# nothing, since the operating system takes the memory back. But it took 0.2 to 0.5 s, an eighth to a fifth of the process, and
# some of the import goes into such searches, too. `gc.freeze()` after the import leaves what is there out of the last one, and
# `gc.disable()` before it leaves them out of the import. This workflow's scripts do both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat >"$folder/compare.py" <<'PYTHON'
"""Compare the processor time of processes that import torch in three ways, in turns."""

import os
import statistics
import subprocess
import sys

WAYS = {
    "import torch": "import torch",
    "gc.freeze() after it": "import gc, torch; gc.freeze()",
    "gc.disable() before it, too": "import gc; gc.disable(); import torch; gc.freeze()",
}


def measure(code):
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


for code in WAYS.values():
    measure(code)  # compiles and loads
rounds = [[measure(code) for code in WAYS.values()] for _ in range(9)]
medians = [statistics.median(times) for times in zip(*rounds)]
objects = subprocess.run(
    [sys.executable, "-c", "import gc, torch; print(len(gc.get_objects()))"], check=True, capture_output=True, text=True
)
print(f"Python {sys.version.split()[0]}, torch 2.13.0: {objects.stdout.strip()} objects that are searched")
for way, median in zip(WAYS, medians):
    print(f"{way}: {median:.2f} s of the processor, {median / medians[0]:.2f} of the first")
sys.exit(not (medians[1] < 0.95 * medians[0] and medians[2] < 0.95 * medians[0]))
PYTHON
echo "2026-11-30"
"$folder/venv/bin/python" "$folder/compare.py"
