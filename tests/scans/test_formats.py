"""Segmentations in other formats: DICOM SEG and 3D Slicer's, read by other means, at their places in the patient."""

import gzip
import re

import nibabel as nib
import numpy as np
import pydicom
import pytest
from conftest import AFFINE, turn
from helpers.dicoms import locate_voxels, write_enhanced, write_series
from nibabel.affines import apply_affine
from PIL import ImageColor
from pydicom.uid import CTImageStorage

from kidney_tumor.errors import UserError
from kidney_tumor.scans.dicom import convert_series
from kidney_tumor.scans.dicom_seg import write_dicom_seg
from kidney_tumor.scans.slicer_seg import write_slicer_seg
from kidney_tumor.volumes.colors import LABEL_COLORS

POSITIONS = {
    "supine": ((1, 0, 0), (0, 1, 0), (0, 0, 3)),
    "prone": ((-1, 0, 0), (0, -1, 0), (0, 0, 3)),
    "right side down": ((0, 1, 0), (-1, 0, 0), (0, 0, 3)),
    "left side down": ((0, -1, 0), (1, 0, 0), (0, 0, -3)),
    "feet first": ((1, 0, 0), (0, 1, 0), (0, 0, -3)),
}
"""Directions of rows, columns and slices for patients who lie so on the table."""


def segment(folder, path, rng):
    """Mark random voxels of the converted series, by nibabel; return them by label with their places in mm."""
    convert_series(folder, path.with_name("imaging.nii.gz"))
    image = nib.load(path.with_name("imaging.nii.gz"))
    labels = rng.choice([0, 0, 0, 1, 2], image.shape).astype(np.uint8)
    nib.save(nib.Nifti1Image(labels, image.affine), path)
    return {value: sort(apply_affine(image.affine, np.argwhere(labels == value))) for value in (1, 2)}


def sort(places):
    """Places in mm, in an order that does not depend on how they were found."""
    rounded = np.round(places, 3) + 0.0
    return rounded[np.lexsort(rounded.T)]


def read_seg(path):
    """Read the places in mm of each segment by pydicom alone, from the frames' own positions (PS3.3, C.7.6.2.1-1)."""
    content = pydicom.dcmread(path)
    common = content.SharedFunctionalGroupsSequence[0]
    frames = content.pixel_array.reshape(-1, content.Rows, content.Columns)
    found = {1: [], 2: []}
    for frame, own in zip(frames, content.PerFrameFunctionalGroupsSequence, strict=True):
        one = pydicom.Dataset()
        one.PixelSpacing = common.PixelMeasuresSequence[0].PixelSpacing
        one.ImageOrientationPatient = common.PlaneOrientationSequence[0].ImageOrientationPatient
        one.ImagePositionPatient = own.PlanePositionSequence[0].ImagePositionPatient
        one.Rows, one.Columns = content.Rows, content.Columns
        found[own.SegmentIdentificationSequence[0].ReferencedSegmentNumber].append(locate_voxels(one)[frame > 0])
    return content, {number: sort(np.concatenate(places)) for number, places in found.items()}


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("enhanced", [False, True])
def test_a_dicom_seg_lies_where_the_segmentation_lies(tmp_path, rng, position, enhanced):
    row, column, step = POSITIONS[position]
    written = write_series(tmp_path / "series", 5, row=row, column=column, step=step)
    if enhanced:
        (tmp_path / "one").mkdir()
        order = [3, 0, 4, 1, 2]
        write_enhanced(tmp_path / "one" / "a.dcm", [written[number] for number in order])
    folder = tmp_path / ("one" if enhanced else "series")
    expected = segment(folder, tmp_path / "segmentation.nii.gz", rng)
    write_dicom_seg(folder, tmp_path / "segmentation.nii.gz", tmp_path / "a.dcm")
    content, found = read_seg(tmp_path / "a.dcm")
    for label in (1, 2):
        assert len(expected[label]) > 50
        np.testing.assert_allclose(found[label], expected[label], atol=2e-3)
    assert (content.Modality, content.PatientName, content.StudyInstanceUID) == ("SEG", "ZEBRA^NAME", "1.2.3")
    named = {item.ReferencedSOPInstanceUID for item in content.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert named == ({"1.2.3.99"} if enhanced else {one.SOPInstanceUID for one in written})
    names = [
        (item.SegmentLabel, item.SegmentedPropertyTypeCodeSequence[0].CodeValue) for item in content.SegmentSequence
    ]
    assert names == [("kidney", "64033007"), ("tumor", "108369006")]
    write_dicom_seg(folder, tmp_path / "segmentation.nii.gz", tmp_path / "again.dcm")
    assert pydicom.dcmread(tmp_path / "again.dcm").SOPInstanceUID == content.SOPInstanceUID


def test_poor_headers_and_an_empty_segmentation_do(tmp_path):
    """What an anonymizer took out may be missing."""

    def strip(header, number):
        del header.PatientName, header.PatientID, header.StudyID, header.AccessionNumber, header.StudyDate
        header.SOPClassUID, header.file_meta.MediaStorageSOPClassUID = "", CTImageStorage

    write_series(tmp_path / "series", 4, change=strip)
    convert_series(tmp_path / "series", tmp_path / "imaging.nii.gz")
    image = nib.load(tmp_path / "imaging.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine), tmp_path / "s.nii.gz")
    write_dicom_seg(tmp_path / "series", tmp_path / "s.nii.gz", tmp_path / "a.dcm")
    content = pydicom.dcmread(tmp_path / "a.dcm")
    assert content.pixel_array.max() == 0
    assert [item.SegmentLabel for item in content.SegmentSequence] == ["kidney", "tumor"]


def test_what_cannot_be_a_dicom_seg_is_one_line(tmp_path, rng):
    written = write_series(tmp_path / "series", 4)
    segment(tmp_path / "series", tmp_path / "s.nii.gz", rng)
    (tmp_path / "two").mkdir()
    for number, part in enumerate((written[:2], written[2:])):
        write_enhanced(tmp_path / "two" / f"{number}.dcm", part)
    write_series(tmp_path / "moved", 4, step=(0, 0, 4))
    for name, says in (
        ("two", r"two has several files of several slices.*; take dicom_seg out of scans\.formats$"),
        ("moved", r"s\.nii\.gz does not lie where the series in .*moved lies; segment the series again$"),
    ):
        with pytest.raises(UserError, match=says):
            write_dicom_seg(tmp_path / name, tmp_path / "s.nii.gz", tmp_path / "a.dcm")
    assert not (tmp_path / "a.dcm").exists()


@pytest.mark.parametrize("codes", ["IPL", "RAS", "PSR"])
def test_a_file_for_slicer_has_places_names_and_colors(tmp_path, rng, codes):
    """Parsed by hand: a header in lines, an empty line, and gzip."""
    labels = rng.choice([0, 1, 2], (4, 5, 6)).astype(np.uint8)
    image = turn(nib.Nifti1Image(labels, AFFINE), codes)
    nib.save(image, tmp_path / "a.nii.gz")
    write_slicer_seg(tmp_path / "a.nii.gz", tmp_path / "a.seg.nrrd")
    head, _, content = (tmp_path / "a.seg.nrrd").read_bytes().partition(b"\n\n")
    lines = [line for line in head.decode().splitlines()[1:] if not line.startswith("#")]
    fields = dict(re.split(r":=|: ", line, maxsplit=1) for line in lines)
    assert fields["space"] == "left-posterior-superior"
    shape = tuple(map(int, fields["sizes"].split()))
    voxels = np.frombuffer(gzip.decompress(content), np.uint8).reshape(shape, order="F")
    numbers = [
        float(number) for number in re.findall(r"[-+.\de]+", fields["space directions"] + fields["space origin"])
    ]
    affine = np.eye(4)
    affine[:3] = np.reshape(numbers, (4, 3)).T
    for value, name in ((1, "kidney"), (2, "tumor")):
        places = apply_affine(affine, np.argwhere(voxels == value)) * (-1, -1, 1)  # left and back to right and front
        expected = apply_affine(image.affine, np.argwhere(np.asarray(image.dataobj) == value))
        np.testing.assert_allclose(sort(places), sort(expected), atol=2e-3)
        segment = f"Segment{value - 1}_"
        assert (fields[f"{segment}Name"], fields[f"{segment}LabelValue"]) == (name, str(value))
        color = np.array(fields[f"{segment}Color"].split(), float) * 255
        np.testing.assert_allclose(color, ImageColor.getrgb(LABEL_COLORS[name]), atol=0.01)
    assert fields["Segment0_Extent"] == " ".join(f"0 {length - 1}" for length in shape)
