#!/bin/bash
# pydicom 3.0.2 does not find the pixels of a Deflated file if it is given by its path.
#
# DICOM's transfer syntax Deflated Explicit VR Little Endian (PS3.5, A.5) compresses the whole data set. Guess beforehand:
# `pixel_array(path)` and `pixel_array(dcmread(path))` are the same. They are not: the second one is right, the first one,
# which the documentation recommends to save memory, says that the file has no pixel data, since it does not inflate it.
# This workflow decodes from the data set.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check pydicom==3.0.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import iter_pixels, pixel_array
from pydicom.uid import CTImageStorage, DeflatedExplicitVRLittleEndian

truth = np.arange(64 * 48, dtype="<u2").reshape(64, 48)
header = Dataset()
header.file_meta = FileMetaDataset()
header.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
header.SOPClassUID, header.SOPInstanceUID = CTImageStorage, "1.2.3"
header.Rows, header.Columns, header.SamplesPerPixel, header.PhotometricInterpretation = 64, 48, 1, "MONOCHROME2"
header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
header.PixelData = truth.tobytes()
header.save_as("deflated.dcm", enforce_file_format=True)

by_dataset = np.array_equal(pixel_array(pydicom.dcmread("deflated.dcm")), truth)
by_path = []
for read in (lambda: pixel_array("deflated.dcm"), lambda: next(iter_pixels("deflated.dcm"))):
    try:
        by_path.append(str(np.array_equal(read(), truth)))
    except AttributeError as error:
        by_path.append(f"AttributeError: {error}")
print(f"2026-11-29, pydicom {pydicom.__version__}, numpy {np.__version__}")
print(f"by the data set: right is {by_dataset}")
for name, seen in zip(("pixel_array", "iter_pixels"), by_path, strict=True):
    print(f"{name} by the path: {seen}")
sys.exit(not (by_dataset and all("no pixel data to decode" in seen for seen in by_path)))
PYTHON
