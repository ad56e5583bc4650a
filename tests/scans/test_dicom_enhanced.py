"""Enhanced CT images, which hold several slices in one file."""

import numpy as np
import pytest
from helpers.dicoms import assign, check_voxels, convert, encode_files, make_item, refuse, write_enhanced, write_series


def test_an_enhanced_image(tmp_path):
    slices = write_series(tmp_path / "slices", change=assign(RescaleIntercept=-1000))
    write_enhanced(tmp_path / "scan" / "multi.dcm", slices)
    assert convert(tmp_path) == []
    image = check_voxels(tmp_path / "imaging.nii.gz", slices)
    assert image.get_data_dtype() == np.int16


@pytest.mark.parametrize("shared", [(), ("orientation",), ("orientation", "measures")])
@pytest.mark.parametrize("storage", ["1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"])
def test_frames_in_any_order_with_their_own_scale(tmp_path, shared, storage, rng):
    slices = write_series(
        tmp_path / "slices", 9, change=assign(RescaleSlope=lambda n: 1 + n % 2, RescaleIntercept=lambda n: -1000 - n)
    )
    slices = [slices[number] for number in rng.permutation(9)]
    write_enhanced(tmp_path / "scan" / "a.dcm", slices[:5], shared=shared, storage=storage)
    write_enhanced(
        tmp_path / "scan" / "b.dcm",
        slices[5:],
        shared=shared,
        storage=storage,
        change=assign_all(SOPInstanceUID="1.2.3.100"),
    )
    convert(tmp_path)
    check_voxels(tmp_path / "imaging.nii.gz", slices)


def assign_all(**values):
    return lambda header: assign(**values)(header, 0)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.99"])
def test_a_compressed_enhanced_image(tmp_path, syntax):
    slices = write_series(tmp_path / "slices")
    write_enhanced(tmp_path / "scan" / "multi", slices[::-1])
    encode_files(tmp_path / "scan", syntax)
    convert(tmp_path)
    check_voxels(tmp_path / "imaging.nii.gz", slices)


def set_content(**values):
    """A change of the FrameContentSequence of each frame."""

    def change(groups, number):
        for name, value in values.items():
            setattr(groups.FrameContentSequence[0], name, value(number))

    return change


def add_dimension(header):
    header.DimensionIndexSequence.append(make_item(DimensionIndexPointer=0x00209128)[0])  # TemporalPositionIndex


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"change_frame": set_content(StackID=lambda n: str(1 + n // 3))}, "multi.dcm holds 2 stacks of slices"),
        (
            {
                "change_frame": lambda groups, n: (
                    set_content(TemporalPositionIndex=lambda n: 1 + n // 3)(groups, n),
                    groups.PlanePositionSequence[0].__setattr__("ImagePositionPatient", [-20, -30, 3 * (n % 3)]),
                )
            },
            "3 of 6 slices at the position of another (they differ in TemporalPositionIndex)",
        ),
        (
            {
                "change": add_dimension,
                "change_frame": lambda groups, n: (
                    set_content(DimensionIndexValues=lambda n: [1, 1 + n % 3, 1 + n // 3])(groups, n),
                    groups.PlanePositionSequence[0].__setattr__("ImagePositionPatient", [-20, -30, 3 * (n % 3)]),
                ),
            },
            "3 of 6 slices at the position of another (they differ in TemporalPositionIndex)",
        ),
        ({"change_frame": lambda groups, n: groups.pop("PlanePositionSequence")}, "lacks ImagePositionPatient"),
        ({"change": lambda header: header.pop("PerFrameFunctionalGroupsSequence")}, "not the place of each"),
        ({"change": lambda header: header.PerFrameFunctionalGroupsSequence.pop()}, "not the place of each"),
        (
            {"change": lambda header: header.SharedFunctionalGroupsSequence[0].pop("PixelValueTransformationSequence")},
            "lacks RescaleSlope",
        ),
        (
            {"change": lambda header: header.__setattr__("PixelData", header.PixelData[:-700])},
            "is cut: it has 3140 of 3840 bytes",
        ),
    ],
)
def test_an_enhanced_image_is_refused_for_the_true_reason(tmp_path, settings, says):
    write_enhanced(tmp_path / "scan" / "multi.dcm", write_series(tmp_path / "slices"), **settings)
    assert says in refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")
