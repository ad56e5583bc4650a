#!/bin/bash
# SimpleITK 2.5.7 takes the place of a NIfTI volume from its sform or from its qform, by their codes; nibabel always takes the sform.
#
# A header may hold both, for two places (nifti1.h: the qform for the scanner, the sform for a template). Guess beforehand: ITK takes
# one of both in every such file. It takes the sform where that has code 1, and the qform where it has another, also where both
# have the same. So two readers see one file 130 mm apart, without a word.
# This workflow takes the sform, as nibabel does; compare places in docs/reliability.md.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check SimpleITK==2.5.7 nibabel==5.4.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import nibabel as nib
import numpy as np
import SimpleITK

print("2026-11-30, " + ", ".join(f"{name} {version(name)}" for name in ("SimpleITK", "nibabel", "numpy")))
qform, sform = np.diag([1, 1, 2, 1.0]), np.diag([1, 1, 2, 1.0])
qform[:3, 3], sform[:3, 3] = (10, 20, 30), (-60, -50, -40)
names = {(10, 20, 30): "qform", (-60, -50, -40): "sform"}
seen = {}
for codes in ((1, 1), (1, 2), (1, 4), (2, 1), (2, 2), (4, 1)):
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), sform)
    image.set_qform(qform, codes[0])
    image.set_sform(sform, codes[1])
    image.header.set_xyzt_units("mm")
    nib.save(image, "a.nii")
    x, y, z = SimpleITK.ReadImage("a.nii").GetOrigin()
    places = tuple(nib.load("a.nii").affine[:3, 3]), (-x, -y, z)
    seen[codes] = tuple(names[tuple(int(round(value)) for value in place)] for place in places)
    print(f"qform code {codes[0]}, sform code {codes[1]}: nibabel {seen[codes][0]}, ITK {seen[codes][1]}")
sys.exit(seen != {codes: ("sform", "sform" if codes[1] == 1 else "qform") for codes in seen})
PYTHON
