#!/bin/bash
# nibabel 5.4.2 imports pydicom 3.0.2 as soon as it is imported, which costs a third of its import; numpy and nothing else is asked for.
#
# Guess beforehand: a reader of NIfTI leaves an optional package for DICOM alone until DICOM is read. `import nibabel` loads it
# wherever it is installed. In a workflow of hundreds of short jobs that is most of what a job computes.
# This workflow hides pydicom from that import, but where DICOM is read (docs/performance.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check nibabel==5.4.2 pydicom==3.0.2 numpy==2.4.6
cd "$folder"
cat >ask.py <<'PYTHON'
import sys
import time

started = time.process_time()
if "hidden" in sys.argv:
    sys.modules["pydicom"] = None
import nibabel

loaded = sys.modules.get("pydicom") is not None
print(f"{loaded} {len(sys.modules)} modules {time.process_time() - started:.2f} s of the processor")
PYTHON
venv/bin/python ask.py >/dev/null # which compiles the modules
plain=$(venv/bin/python ask.py)
hidden=$(venv/bin/python ask.py hidden)
echo "2026-11-30, nibabel 5.4.2, pydicom 3.0.2, numpy 2.4.6"
echo "import nibabel: pydicom is loaded: $plain"
echo "with pydicom hidden: $hidden"
[[ $plain == True* && $hidden == False* ]]
