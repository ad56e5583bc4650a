"""The pixels of DICOM files: every transfer syntax, stored bits, padding, and decoders that fail."""

import base64
import os

import nibabel as nib
import numpy as np
import pydicom
import pytest
from helpers.dicoms import (
    assign,
    check_voxels,
    compute_hu,
    convert,
    encode_files,
    refuse,
    write_series,
)

SYNTAXES = {
    "1.2.840.10008.1.2": 0,
    "1.2.840.10008.1.2.1": 0,
    "1.2.840.10008.1.2.2": 0,  # big endian
    "1.2.840.10008.1.2.1.99": 0,  # deflated
    "1.2.840.10008.1.2.4.51": 2,  # JPEG Extended, lossy
    "1.2.840.10008.1.2.4.57": 0,  # JPEG lossless
    "1.2.840.10008.1.2.4.70": 0,
    "1.2.840.10008.1.2.4.80": 0,  # JPEG-LS
    "1.2.840.10008.1.2.4.81": 3,
    "1.2.840.10008.1.2.4.90": 0,  # JPEG 2000
    "1.2.840.10008.1.2.4.91": 0,
    "1.2.840.10008.1.2.5": 0,  # RLE
}
"""Transfer syntaxes, with the largest error in HU of those that lose something."""


def smooth(header):
    """Give a slice values on which a lossy compression loses little, within its bits."""
    rows, columns = np.indices((header.Rows, header.Columns))
    values = 900 + 9 * rows + 7 * columns + 31 * header.InstanceNumber
    if header.PixelRepresentation:
        values -= 1500
    header.PixelData = values.astype("<i2").tobytes()


@pytest.mark.parametrize(
    "bits",
    [
        {},
        {"BitsStored": 16, "HighBit": 15},
        {"PixelRepresentation": 1, "BitsStored": 16, "HighBit": 15},
        {"PixelRepresentation": 1},
    ],
    ids=["12 bits", "16 bits", "16 bits signed", "12 bits signed"],
)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_transfer_syntax(tmp_path, syntax, bits, capfd):
    if syntax.endswith("4.51") and bits:
        pytest.skip("GDCM writes JPEG Extended of unsigned 12 bits only")
    slices = write_series(tmp_path / "scan", shape=(64, 48), change=lambda *one: (assign(**bits)(*one), smooth(one[0])))
    encode_files(tmp_path / "scan", syntax)
    convert(tmp_path)
    if SYNTAXES[syntax]:
        image = nib.load(tmp_path / "imaging.nii.gz")
        for place, header in enumerate(slices):
            stored = np.frombuffer(header.PixelData, "<i2").reshape(header.Rows, header.Columns)
            assert np.abs(np.asarray(image.dataobj)[..., place].T - (stored - 1024)).max() <= SYNTAXES[syntax]
    else:
        check_voxels(tmp_path / "imaging.nii.gz", slices)
    assert capfd.readouterr().err == ""


HTJ2K = (
    "|4;u>04YEK0000G0000K00000000000000G0000K0000000000009pH0sl|{2mk^A000XAQUDA90ssL31q1{@0smY86Cj9?kdTm&kdTm&kdTmwh=~7W"
    "02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00000djJ9dlfVEbCHMsgbO68r5`ZQFhjakI0206e5rBRGi*x`Na{#~q6%YUfVBY%x0x$x000&b5zyK9600"
    "l_y?*6kQr^0psrfHh!00F+X0Kfn%U;q`MBuSFw=isNOr>8=B01yBG0RH~+d-uugxB&mz"
)
"""An image of 20 x 16 pixels, 900 + 9 * row + 7 * column, as a codestream of HTJ2K, encoded by imagecodecs 2026.3.6."""


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.203"])
def test_htj2k(tmp_path, syntax):
    write_series(tmp_path / "scan")
    for path in (tmp_path / "scan").iterdir():
        header = pydicom.dcmread(path)
        header.file_meta.TransferSyntaxUID = syntax
        header.BitsStored, header.HighBit = 16, 15
        header.PixelData = pydicom.encaps.encapsulate([base64.b85decode(HTJ2K)])
        header.save_as(path)
    convert(tmp_path)
    rows, columns = np.indices((20, 16))
    volume = np.asarray(nib.load(tmp_path / "imaging.nii.gz").dataobj)
    np.testing.assert_array_equal(volume.T, np.broadcast_to(9 * rows + 7 * columns - 124, (6, 20, 16)))


def test_fragments_and_offset_tables(tmp_path):
    """A frame may lie in several fragments, with a table of offsets or an empty one."""
    slices = write_series(tmp_path / "scan")
    encode_files(tmp_path / "scan", "1.2.840.10008.1.2.4.90")
    for number, path in enumerate(sorted((tmp_path / "scan").iterdir())):
        header = pydicom.dcmread(path)
        (frame,) = pydicom.encaps.generate_frames(header.PixelData, number_of_frames=1)
        header.PixelData = pydicom.encaps.encapsulate([frame], fragments_per_frame=3, has_bot=number % 2 == 0)
        header.save_as(path)
    convert(tmp_path)
    check_voxels(tmp_path / "imaging.nii.gz", slices)


def write_bits(stored, alloc, shift, above):
    """A change that stores 12-bit values in other bits: shifted, and with bits above and below that say nothing."""

    def change(header, number):
        values = np.frombuffer(header.PixelData, "<u2").astype("<u4")
        header.BitsAllocated, header.BitsStored, header.HighBit = alloc, stored, stored - 1 + shift
        noise = (values * 7 + number) % (1 << shift) if shift else 0
        header.PixelData = (values << shift | noise | above).astype(f"<u{alloc // 8}").tobytes()

    return change


@pytest.mark.parametrize(
    ("alloc", "shift", "above"),
    [(16, 4, 0), (16, 0, 0x8000), (16, 0, 0x5000), (16, 2, 0x4000), (32, 0, 0), (32, 12, 1 << 30)],
)
@pytest.mark.parametrize("signed", [0, 1])
def test_only_the_stored_bits_count(tmp_path, alloc, shift, above, signed):
    """Overlays, or anything, may lie in the others; 12-bit signed values may have upper bits of 0."""

    def hu(header):
        values = np.frombuffer(header.PixelData, f"<u{alloc // 8}").astype(np.int64) >> shift & 0xFFF
        values = np.where(values > 2047, values - 4096, values) if signed else values
        return values.reshape(header.Rows, header.Columns) - 1024

    change = write_bits(12, alloc, shift, above)
    slices = write_series(
        tmp_path / "scan", change=lambda *one: (change(*one), assign(PixelRepresentation=signed)(*one))
    )
    convert(tmp_path)
    assert check_voxels(tmp_path / "imaging.nii.gz", slices, hu).get_data_dtype() == np.int16


def test_eight_bits(tmp_path):
    def change(header, number):
        header.BitsAllocated, header.BitsStored, header.HighBit = 8, 8, 7
        header.PixelData = np.frombuffer(header.PixelData, "u1")[::2].tobytes()
        header.RescaleSlope = 8

    slices = write_series(tmp_path / "scan", change=change)
    convert(tmp_path)
    check_voxels(tmp_path / "imaging.nii.gz", slices)


@pytest.mark.parametrize(
    ("values", "stored", "hu"),
    [
        ({"PixelPaddingValue": -2000, "PixelRepresentation": 1}, -2000, -1024),
        ({"PixelPaddingValue": 63536}, 63536, -1024),
        ({"PixelPaddingValue": 63536, "RescaleIntercept": 0}, 63536, -1024),
        ({"PixelPaddingValue": 0, "RescaleIntercept": -8192}, 0, -1024),
        ({"PixelPaddingValue": -3000, "PixelPaddingRangeLimit": -2000, "PixelRepresentation": 1}, -2500, -1024),
        ({"PixelPaddingValue": 0}, 0, -1024),
        ({"PixelPaddingValue": 1064}, 1064, 40),  # as of tissue: the value says nothing
        ({}, 0, -1024),
        ({"PixelRepresentation": 1}, -2000, -3024),  # not called padding
    ],
)
def test_padding_is_air_and_nothing_else_is_changed(tmp_path, values, stored, hu):
    def change(header, number):
        bits = {"BitsStored": 16, "HighBit": 15, **values}
        for name in bits:
            if name.startswith("PixelPadding"):
                header.add_new(name, "SS" if bits[name] < 0 else "US", bits[name])
            else:
                setattr(header, name, bits[name])
        pixels = 1500 + np.frombuffer(header.PixelData, "<u2").reshape(header.Rows, header.Columns) % 1000
        pixels = pixels.astype(np.int64)
        pixels[0, :5] = stored
        header.PixelData = pixels.astype("<u2" if stored >= 0 else "<i2").tobytes()

    def expect(header):
        expected = compute_hu(header)
        expected[0, :5] = hu
        return expected

    slices = write_series(tmp_path / "scan", change=change)
    convert(tmp_path)
    assert check_voxels(tmp_path / "imaging.nii.gz", slices, expect).get_data_dtype() == np.int16


def test_a_missing_decoder_says_what_to_install(tmp_path, monkeypatch):
    write_series(tmp_path / "scan")
    encode_files(tmp_path / "scan", "1.2.840.10008.1.2.4.90")
    monkeypatch.setattr(pydicom.pixels.decoders.JPEG2000LosslessDecoder, "_available", {})
    message = refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")
    assert (
        "JPEG 2000 Image Compression (Lossless Only) (1.2.840.10008.1.2.4.90), for which a decoder is missing"
        in message
    )
    assert "pip install" in message


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.100", "1.2.840.113619.5.9"])
def test_an_unknown_transfer_syntax_is_named(tmp_path, syntax):
    write_series(tmp_path / "scan")
    for path in (tmp_path / "scan").iterdir():
        header = pydicom.dcmread(path)
        header.file_meta.TransferSyntaxUID = syntax
        header.PixelData = pydicom.encaps.encapsulate([header.PixelData])
        header["PixelData"].VR = "OB"
        header.save_as(path, implicit_vr=False, little_endian=True)
    message = refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")
    assert syntax in message
    assert "has no decoder" in message
    assert "cut" not in message


def test_compressed_pixels_in_a_plain_syntax_are_not_called_cut(tmp_path):
    write_series(tmp_path / "scan")
    encode_files(tmp_path / "scan", "1.2.840.10008.1.2.5")
    path = tmp_path / "scan" / "0002.dcm"
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.1\0"))
    message = refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")
    assert f"{path} has compressed pixels, but is stored as Explicit VR Little Endian" in message


def test_an_error_of_a_decoder_is_shown(tmp_path, capfd):
    write_series(tmp_path / "scan")
    encode_files(tmp_path / "scan", "1.2.840.10008.1.2.4.70")
    path = tmp_path / "scan" / "0002.dcm"
    header = pydicom.dcmread(path)
    header.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9" + bytes(200)])
    header.save_as(path)
    message = refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")
    assert f"{path} cannot be decoded (" in message
    assert "cut" not in message
    assert "ZEBRA" not in capfd.readouterr().err


def test_a_decoder_that_ends_its_process_ends_no_other(tmp_path, monkeypatch):
    """GDCM aborts on some damaged frames; the file is named, and what comes after it is read."""
    slices = write_series(tmp_path / "scan")
    encode_files(tmp_path / "scan", "1.2.840.10008.1.2.4.80")
    monkeypatch.setattr("kidney_tumor.scans.pixels.decode_frame", abort)
    message = refuse(tmp_path / "scan", tmp_path / "out" / "imaging.nii.gz")
    assert f"{tmp_path / 'scan' / '0000.dcm'} cannot be decoded (GDCM stopped at it)" in message
    monkeypatch.undo()
    convert(tmp_path)
    check_voxels(tmp_path / "imaging.nii.gz", slices)


def abort(*_):
    os._exit(134)
