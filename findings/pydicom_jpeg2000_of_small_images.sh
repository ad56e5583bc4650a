#!/bin/bash
# pydicom 3.0.2 cannot compress an image of less than 32 rows or columns as JPEG 2000.
#
# Guess beforehand: `Dataset.compress(JPEG2000Lossless)` with pylibjpeg-openjpeg works for an image of any size, as the
# standard sets none. OpenJPEG is told to use 6 resolutions always, which need 32 pixels, and it ends in an error of
# `opj_start_compress()`; GDCM compresses the same image. This workflow's tests compress their small slices by GDCM.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check \
    pydicom==3.0.2 numpy==2.4.6 pylibjpeg==2.1.0 pylibjpeg-openjpeg==2.6.0 python-gdcm==3.2.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import logging
import sys
from importlib.metadata import version

import gdcm
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless

logging.disable()


def write(size):
    values = np.arange(size * size, dtype="<u2")
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID, header.SOPInstanceUID, header.Modality = CTImageStorage, "1.2.3", "CT"
    header.Rows, header.Columns, header.SamplesPerPixel, header.PhotometricInterpretation = size, size, 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
    header.PixelData = values.tobytes()
    header.save_as("plain.dcm", enforce_file_format=True)
    return values.reshape(size, size)


def compress_by_pydicom(truth):
    dataset = pydicom.dcmread("plain.dcm")
    try:
        dataset.compress(JPEG2000Lossless)
    except RuntimeError as error:
        return " ".join(str(error).split())
    return f"right is {np.array_equal(dataset.pixel_array, truth)}"


def compress_by_gdcm(truth):
    reader = gdcm.ImageReader()
    reader.SetFileName("plain.dcm")
    reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEG2000Lossless))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName("small.dcm")
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return f"right is {np.array_equal(pydicom.dcmread('small.dcm').pixel_array, truth)}"


packages = ("pydicom", "pylibjpeg", "pylibjpeg-openjpeg", "python-gdcm", "numpy")
print("2026-11-29, " + ", ".join(f"{name} {version(name)}" for name in packages))
seen = {}
for size in (16, 31, 32, 64):
    truth = write(size)
    seen[size] = compress_by_pydicom(truth), compress_by_gdcm(truth)
    print(f"{size} x {size}: pydicom: {seen[size][0]}; GDCM: {seen[size][1]}")
small = all("opj_start_compress" in seen[size][0] for size in (16, 31))
large = all(seen[size][0] == "right is True" for size in (32, 64))
sys.exit(not (small and large and all(by_gdcm == "right is True" for _, by_gdcm in seen.values())))
PYTHON
