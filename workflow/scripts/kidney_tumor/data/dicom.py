"""Converting a DICOM series to a volume: pydicom reads the headers, dcm2niix decodes the voxels.

dcm2niix converts faulty series too. It warns of gaps, of most duplicates and of tilt above about a degree, and goes on;
it says nothing of several series, of another modality, of colors, of a pixel spacing that varies, and of files that are
cut within the header. So `kidney_tumor.data.series` judges the headers first, and computes the affine, since dcm2niix
takes the distance between the first two slices for that between all.

The text that dcm2niix prints is not repeated, and its header not kept: both may have words of the DICOM header.
"""

import errno
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dcm2niix
import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine

from kidney_tumor.cli import UserError
from kidney_tumor.data.grid import Geometry
from kidney_tumor.data.nifti import write_volume
from kidney_tumor.data.series import Stack, read_stack, refuse

AWAY = 0.1
"""The largest distance in mm along an axis between a voxel's place by dcm2niix and by the headers."""
COMPLAINTS = re.compile(
    "Interslice distance varies|Missing images|DICOM images may be missing|DUPLICATES REMOVED|gantry tilt"
    "|Slice positions repeated|Slices not stacked: [A-Za-z/ -]*[A-Za-z]|Unable to determine slice direction"
    "|Unable to determine spatial orientation|Bogus spatial matrix",
    re.IGNORECASE,
)
"""What dcm2niix prints about a series that it cannot convert faithfully; the texts hold nothing from the headers."""


def convert_series(folder: Path, output: Path) -> None:
    """Convert the DICOM series in a folder to a gzipped NIfTI volume, completely or not at all.

    The volume's axes are (columns, rows, slices), as DICOM has them, with the slices in the direction of their normal;
    its values are HU, int16 if they are whole numbers in its range, float32 otherwise. Folders below the folder belong
    to it; hidden files, files that are not DICOM, and a DICOMDIR do not matter. The same series gives the same bytes.

    Raises:
        UserError: The folder holds no series or several, the series is not one regular stack of CT slices, a file is
            damaged, or the name of `output` does not end in .nii.gz.
    """
    stack = read_stack(folder)
    output.parent.mkdir(parents=True, exist_ok=True)
    with _make_temporary_folder(output) as temporary:
        geometry = Geometry(stack.shape, stack.affine.tolist())
        write_volume(output, geometry.orient(_decode(folder, stack, temporary)), geometry.stored_affine)


@contextmanager
def _make_temporary_folder(output: Path) -> Iterator[Path]:
    """Make a folder beside an output, and remove it in the end; its name is fixed, so none is left for long."""
    temporary = output.absolute().with_name(f".partial.{output.name}.dicom")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary)


def _decode(folder: Path, stack: Stack, temporary: Path) -> np.ndarray:
    """Decode the voxels of a stack with dcm2niix, and return their HU: shape (columns, rows, slices).

    Args:
        folder: The folder of the series, for messages.
        stack: The slices.
        temporary: A folder for files; dcm2niix sees links to the slices there, whatever their names.

    Raises:
        UserError: A file is damaged, or dcm2niix finds a fault or places the voxels elsewhere than their headers say.
        OSError: The disk is full.
        MemoryError: dcm2niix was killed.
    """
    (temporary / "slices").mkdir()
    for number, path in enumerate(stack.paths):
        (temporary / "slices" / f"{number:06}.dcm").symlink_to(path.absolute())
    # -g i: no file of defaults; -b n: no sidecar; -z n: not compressed.
    command = [dcm2niix.bin, "-g", "i", "-b", "n", "-z", "n", "-f", "volume", "-o", ".", "slices"]
    done = subprocess.run(command, cwd=temporary, capture_output=True, text=True, errors="replace", check=False)
    printed = done.stdout + done.stderr
    if -done.returncode in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):  # the series may be good
        raise MemoryError(f"{dcm2niix.bin} was killed")
    if "Unable to write" in printed:
        raise OSError(errno.ENOSPC, "dcm2niix cannot write here; is the disk full?", str(temporary.parent))
    if done.returncode:
        named = re.search(r"slices/(\d{6})\.dcm", printed)
        damaged = f"{stack.paths[int(named[1])]} is" if named else f"{folder} holds a file that is"
        raise UserError(f"{damaged} cut or damaged, dcm2niix cannot decode it; copy or export the series again")
    if complaint := COMPLAINTS.search(printed):
        raise refuse(folder, f"is faulty, dcm2niix reports `{complaint[0]}`")
    if (made := [path.name for path in temporary.glob("*.nii")]) != ["volume.nii"]:
        raise refuse(folder, f"gives {len(made)} volumes with dcm2niix; expected 1")
    image = nib.Nifti1Image.from_filename(temporary / "volume.nii")
    return _rescale(_orient(folder, stack, image), image.dataobj.slope, image.dataobj.inter)


def _orient(folder: Path, stack: Stack, image: nib.Nifti1Image) -> np.ndarray:
    """Return the stored voxels of dcm2niix's volume in the stack's directions; dcm2niix flips the rows.

    Raises:
        UserError: The shape differs from the stack's, or the corners of the first slice lie elsewhere.
    """
    voxels, affine = np.asanyarray(image.dataobj.get_unscaled()), image.affine.copy()
    for axis in (0, 1):
        if affine[:, axis] @ stack.affine[:, axis] < 0:
            voxels = np.flip(voxels, axis)
            affine[:, 3] += (image.shape[axis] - 1) * affine[:, axis]
            affine[:, axis] *= -1
    columns, rows, _ = stack.shape
    corners = np.array([[0, 0, 0], [columns - 1, 0, 0], [0, rows - 1, 0]])
    away = np.abs(apply_affine(affine, corners) - apply_affine(stack.affine, corners)).max()
    if voxels.shape != stack.shape or away > AWAY or affine[:, 2] @ stack.affine[:, 2] < 0:
        raise refuse(folder, "is placed by dcm2niix elsewhere than its headers say")
    return voxels


def _rescale(stored: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """Compute HU from stored voxels: int16 where all are whole numbers in its range, float32 otherwise."""
    ends = [float(stored.min()) * slope + intercept, float(stored.max()) * slope + intercept]
    whole = stored.dtype.kind in "iu" and float(slope).is_integer() and float(intercept).is_integer()
    fits = np.iinfo(np.int16).min <= min(ends) and max(ends) <= np.iinfo(np.int16).max
    volume = np.empty(stored.shape, np.int16 if whole and fits else np.float32, order="F")
    for number in range(stored.shape[2]):  # so that only one slice is in memory in double precision
        volume[..., number] = stored[..., number] * slope + intercept
    return volume
