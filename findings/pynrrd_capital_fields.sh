#!/bin/bash
# pynrrd 1.1.3 does not know the fields and words of a NRRD header that begin with a capital; ITK does.
#
# The general description of the format says that most strings are case insensitive (teem.sourceforge.net/nrrd/descformat.html).
# Guess beforehand: the field "Space: LPS" is read as the field "space". It is kept as another field, "Space", as a text, so a
# program that asks for "space" finds none; "Sizes", "Type" or "Encoding" make the file unreadable. SimpleITK, by teem's own
# library, reads each of the files with the voxels and the place of the one in lower case.
# This workflow writes the header in lower case before pynrrd parses it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check pynrrd==1.1.3 numpy==2.4.6 SimpleITK==2.5.7
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import nrrd
import numpy as np
import SimpleITK

voxels = np.arange(60, dtype="<i2").reshape(3, 4, 5, order="F")
fields = {
    "type": "short",
    "dimension": "3",
    "space": "right-anterior-superior",
    "sizes": "3 4 5",
    "space directions": "(0.7,0,0) (0,0.7,0) (0,0,3)",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(10,20,30)",
}


def write(capital):
    lines = [f"{name.capitalize() if name == capital else name}: {value}" for name, value in fields.items()]
    with open("a.nrrd", "wb") as file:
        file.write("\n".join(["NRRD0005", *lines, "", ""]).encode() + voxels.tobytes(order="F"))


def read_by_pynrrd():
    try:
        values, header = nrrd.read("a.nrrd")
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"voxels right: {np.array_equal(values, voxels)}, space: {header.get('space')}"


def read_by_itk():
    image = SimpleITK.ReadImage("a.nrrd")
    right = np.array_equal(SimpleITK.GetArrayFromImage(image).T, voxels)
    return f"voxels right: {right}, origin: {image.GetOrigin()}"


names = ("pynrrd", "SimpleITK", "numpy")
print("2026-11-29, " + ", ".join(f"{name} {version(name)}" for name in names))
seen = {}
for capital in (None, "space", "sizes", "type", "encoding"):
    write(capital)
    seen[capital] = read_by_pynrrd(), read_by_itk()
    print(f"{'all in lower case' if capital is None else capital.capitalize()}: pynrrd: {seen[capital][0]}; ITK: {seen[capital][1]}")
by_pynrrd, by_itk = zip(*seen.values(), strict=True)
same = by_pynrrd[0] == "voxels right: True, space: right-anterior-superior" and len(set(by_itk)) == 1
lost = by_pynrrd[1] == "voxels right: True, space: None"
sys.exit(not (same and lost and by_itk[0].startswith("voxels right: True") and all("rror" in text for text in by_pynrrd[2:])))
PYTHON
