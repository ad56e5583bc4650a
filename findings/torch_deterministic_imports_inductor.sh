#!/bin/bash
# torch 2.13.0: use_deterministic_algorithms(True) imports the compiler torch._inductor, though nothing is compiled.
#
# Guess beforehand: the call sets a flag. It loads the compiler with hundreds of modules, which takes a second of each job.
# This workflow sets the same flag without the import on the CPU (docs/performance.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys
import time

import torch

before, started = set(sys.modules), time.process_time()
torch.use_deterministic_algorithms(True)
seconds, new = time.process_time() - started, set(sys.modules) - before
print(f"2026-11-30, torch {torch.__version__}")
print(f"the call loads {len(new)} modules in {seconds:.2f} s of the processor; torch._inductor: {'torch._inductor' in new}")
sys.exit(not ("torch._inductor" in new and len(new) > 100))
PYTHON
