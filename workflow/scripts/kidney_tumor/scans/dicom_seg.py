"""Writing the segmentation of a DICOM series as DICOM SEG, which archives and viewers of hospitals read.

The object belongs to the patient and the study of the series, so it carries their names and numbers, as DICOM has it.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, generate_uid

from kidney_tumor.errors import VolumeError
from kidney_tumor.files import write_atomically
from kidney_tumor.scans.headers import Slice
from kidney_tumor.scans.refusals import refuse, silence
from kidney_tumor.scans.stack import read_stack
from kidney_tumor.volumes.colors import LABEL_COLORS
from kidney_tumor.volumes.grid import Geometry, restore_axes
from kidney_tumor.volumes.labels import read_label
from kidney_tumor.volumes.nifti import read_geometry

ORGAN = codes.SCT.Kidney
KINDS = {
    "kidney": (codes.SCT.AnatomicalStructure, ORGAN),
    "tumor": (codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm),
}
"""The category and the type of each segment, in SNOMED CT (DICOM PS3.16, CID 7150 and 7151)."""
MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex",
    "AccessionNumber", "StudyID", "StudyDate", "StudyTime",
)  # fmt: skip
"""The attributes of a patient and a study that must be there, and may be empty (type 2 of PS3.3)."""
SERIES_NUMBER = 1000
WITHOUT = "take dicom_seg out of scans.formats"


def write_dicom_seg(folder: Path, segmentation: Path, output: Path) -> None:
    """Write the segmentation of a DICOM series as DICOM SEG with a segment for each label, whole or not at all.

    The same series and segmentation give the same identifiers.

    Args:
        folder: The folder of the series.
        segmentation: Its segmentation, KiTS19 labels.
        output: The file to write, .dcm.

    Raises:
        UserError: The series is no longer that of the segmentation, DICOM SEG cannot name it, or a file is damaged.
    """
    stack = read_stack(folder)
    affine = stack.affine.tolist()
    if not Geometry(stack.shape, affine).covers(read_geometry(segmentation)):
        raise VolumeError(segmentation, f"does not lie where the series in {folder} lies", "segment the series again")
    planes = restore_axes(read_label(segmentation), affine).T  # (slices, rows, columns) as DICOM has them
    paths = list(dict.fromkeys(one.path for one in stack.slices))
    if 1 < len(paths) < len(stack.slices):
        raise refuse(folder, "has several files of several slices, which one DICOM SEG cannot name", WITHOUT)
    with silence():
        sources = [_read_source(path) for path in paths]
        if len(paths) == 1:
            planes = _sort_frames(planes, stack.slices, int(sources[0].NumberOfFrames))
        try:
            made = _make(sources, np.ascontiguousarray(planes))
        except (
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
        ) as error:  # their texts may repeat values of the header
            what = f"has headers that DICOM SEG cannot name (highdicom raises {type(error).__name__})"
            raise refuse(folder, what, WITHOUT) from None
        with write_atomically(output) as temporary:
            made.save_as(temporary)


def _read_source(path: Path) -> pydicom.Dataset:
    """Read the header of an image, and add, empty, what it must have."""
    header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    for name in MAY_BE_EMPTY:
        header.setdefault(name, None)
    header.SOPClassUID = header.get("SOPClassUID") or CTImageStorage
    if not header.get("FrameOfReferenceUID"):  # the series is a frame of reference of its own
        header.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame of reference", str(header.SeriesInstanceUID)])
    return header


def _sort_frames(planes: np.ndarray, slices: Sequence[Slice], frames: int) -> np.ndarray:
    """Sort planes, shape (slices, rows, columns), as the frames of their file lie; other frames are empty."""
    found = np.zeros((frames, *planes.shape[1:]), np.uint8)
    found[[one.frame for one in slices]] = planes
    return found


def _make(sources: Sequence[pydicom.Dataset], planes: np.ndarray) -> Segmentation:
    """Make the object from the headers of the images and their labels, shape (images, rows, columns)."""
    algorithm = highdicom.AlgorithmIdentificationSequence(
        "2-D U-Nets and statistical filter", codes.DCM.ArtificialIntelligence, "arXiv 2002.10727"
    )
    segments = [
        SegmentDescription(
            number,
            name,
            *KINDS[name],
            "AUTOMATIC",
            algorithm,
            anatomic_regions=[ORGAN],
            display_color=CIELabColor.from_string(color),
        )
        for number, (name, color) in enumerate(LABEL_COLORS.items(), 1)
    ]
    series = str(sources[0].SeriesInstanceUID)
    digest = hashlib.sha256(planes.tobytes()).hexdigest()
    return Segmentation(
        sources,
        planes,
        "BINARY",
        segments,
        series_instance_uid=generate_uid(entropy_srcs=["series", series]),
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(entropy_srcs=["segmentation", series, digest]),
        instance_number=1,
        manufacturer="kidney_tumor",
        manufacturer_model_name="Research only, not for diagnosis",
        software_versions=f"highdicom {highdicom.__version__}",
        device_serial_number="none",
        content_label="KIDNEY_TUMOR",
    )
