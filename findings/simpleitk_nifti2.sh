#!/bin/bash
# SimpleITK 2.5.7 does not read NIfTI-2; its error speaks of no reader, not of the version.
#
# NIfTI-2 is NIfTI-1 with a header of 540 bytes (nifti2.h). Guess beforehand: ITK reads it, as nibabel does, even with an offset
# of the voxels that states 0. It reads neither that nor the file as nibabel writes it, whether it is called .nii or .nii.gz.
# This workflow reads NIfTI-2, and writes such volumes anew as NIfTI-1 where it hands them to nnU-Net.
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

volume, affine = np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([-0.7, -0.7, 3, 1])


def read_by_itk(path):
    try:
        return f"right is {np.array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path)).T, volume)}"
    except RuntimeError as error:
        return str(error).rpartition("ERROR: ")[2].partition(" for ")[0].strip()


print("2026-11-29, " + ", ".join(f"{name} {version(name)}" for name in ("SimpleITK", "nibabel", "numpy")))
seen = {}
for kind in (nib.Nifti1Image, nib.Nifti2Image):
    for path in ("a.nii", "a.nii.gz"):
        image = kind(volume, affine)
        image.header.set_xyzt_units("mm")
        nib.save(image, path)
        seen[kind, path] = read_by_itk(path)
        by_nibabel = np.array_equal(np.asarray(nib.load(path).dataobj), volume)
        print(f"{kind.__name__} {path}: nibabel: right is {by_nibabel}; ITK: {seen[kind, path]}")
first, second = ({text for (kind, _), text in seen.items() if kind is one} for one in (nib.Nifti1Image, nib.Nifti2Image))
sys.exit(not (first == {"right is True"} and second == {"Unable to determine ImageIO reader"}))
PYTHON
