#!/bin/bash
# pydicom 3.0.2 refuses to decode JPEG Extended of 12 bits by GDCM, which can.
#
# JPEG Extended (Process 2 and 4) is the lossy transfer syntax of 12-bit CT. Guess beforehand: pydicom decodes it where
# python-gdcm is installed, as it lists GDCM for this syntax. It raises "GDCM does not support 'JPEG Extended' for samples
# with 12-bit precision" without a try; GDCM's own ImageReader, and SimpleITK by its GDCM, decode the same file.
# This workflow lets GDCM read such files itself, so that no plug-in under the GPL is needed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check \
    pydicom==3.0.2 numpy==2.4.6 python-gdcm==3.2.6 SimpleITK==2.5.7
cd "$folder"
venv/bin/python - <<'PYTHON'
import logging
import sys

import gdcm
import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGExtended12Bit

logging.disable()
truth = np.add.outer(9 * np.arange(64), 7 * np.arange(48)).astype("<u2")  # up to 896: more than 8 bits
header = Dataset()
header.file_meta = FileMetaDataset()
header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
header.SOPClassUID, header.SOPInstanceUID, header.Modality = CTImageStorage, "1.2.3", "CT"
header.Rows, header.Columns, header.SamplesPerPixel, header.PhotometricInterpretation = 64, 48, 1, "MONOCHROME2"
header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 12, 11, 0
header.PixelData = truth.tobytes()
header.save_as("plain.dcm", enforce_file_format=True)

reader = gdcm.ImageReader()
reader.SetFileName("plain.dcm")
reader.Read()
change = gdcm.ImageChangeTransferSyntax()
change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
change.SetInput(reader.GetImage())
writer = gdcm.ImageWriter()
writer.SetFileName("extended.dcm")
writer.SetFile(reader.GetFile())
assert change.Change()
writer.SetImage(change.GetOutput())
assert writer.Write()
dataset = pydicom.dcmread("extended.dcm")
assert dataset.file_meta.TransferSyntaxUID == JPEGExtended12Bit

try:
    by_pydicom = f"{np.abs(dataset.pixel_array.astype(int) - truth).max()} at most from the truth"
except RuntimeError as error:
    by_pydicom = " ".join(str(error).split())
reader = gdcm.ImageReader()
reader.SetFileName("extended.dcm")
reader.Read()
content = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
by_gdcm = np.abs(np.frombuffer(content, "<u2").reshape(64, 48).astype(int) - truth).max()
by_itk = np.abs(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage("extended.dcm"))[0].astype(int) - truth).max()
print(
    f"2026-11-29, pydicom {pydicom.__version__}, GDCM {gdcm.Version.GetVersion()}, "
    f"SimpleITK {SimpleITK.Version.VersionString()}, numpy {np.__version__}"
)
print(f"pydicom: {by_pydicom}")
print(f"GDCM: {by_gdcm} at most from the truth")
print(f"SimpleITK: {by_itk} at most from the truth")
refused = "GDCM does not support 'JPEG Extended' for samples with 12-bit precision" in by_pydicom
sys.exit(not (refused and by_gdcm <= 2 and by_itk <= 2))
PYTHON
