"""Time the segmentation of a long scan, stage by stage: in KiTS19's axes, in others, and as a DICOM series."""

import statistics
import tempfile
from pathlib import Path

import measure
import numpy as np
import pydicom
from extraction import make_phantom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from kidney_tumor.files import write_json
from kidney_tumor.networks.inference import copy_weights
from kidney_tumor.networks.models import Architecture, Model, View, save_model
from kidney_tumor.networks.unet import UNet
from kidney_tumor.volumes.nifti import read_geometry, write_volume

SLICES, SIZE, WINDOW = 1059, 96, (-79.0, 304.0)
TEMPLATE = measure.ROOT / "workflow" / "resources" / "viewer.html"
REFERENCE = "NIfTI in KiTS19's axes"
RAS = [[0.8, 0, 0, 0], [0, 0.8, 0, 0], [0, 0, 0.5, 0], [0, 0, 0, 1]]
IPL = [[0, 0, -0.8, 0], [0, -0.8, 0, 0], [-0.5, 0, 0, 0], [0, 0, 0, 1]]
EVERYTHING = {"slice_mm": [0, 99], "height_mm": [0, 999], "width_mm": [0, 999]} | {
    name: [-2000, 4000] for name in ("hu_low", "hu_middle", "hu_high", "kidney_ml")
}
"""The ranges of a cohort of which no scan is doubted."""


def write_dicom(folder, image):
    """Write a volume, shape (slices, rows, columns) in HU, as a DICOM series of uncompressed slices."""
    folder.mkdir()
    for number, pixels in enumerate(image):
        header = pydicom.Dataset()
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.SOPClassUID, header.SOPInstanceUID = CTImageStorage, f"1.2.3.{number + 1}"
        header.StudyInstanceUID, header.SeriesInstanceUID, header.SeriesNumber = "1.2", "1.3", 1
        header.Modality, header.InstanceNumber = "CT", number + 1
        header.ImageOrientationPatient, header.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.8, 0.8]
        header.ImagePositionPatient = [0, 0, -0.5 * number]
        header.RescaleSlope, header.RescaleIntercept, header.SliceThickness = 1, -1024, 0.5
        header.Rows, header.Columns = pixels.shape
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 1
        header.PixelData = (pixels + 1024).astype("<i2").tobytes()
        header.save_as(folder / f"{number:05d}.dcm", enforce_file_format=True)


def write_networks(folder):
    """Write networks of the demo's size with random weights; return the words that name them to a script."""
    words = []
    for target in ("kidney", "tumor"):
        view = View(target, SIZE, WINDOW, "lower_half")
        model = Model(copy_weights(UNet(8, 4, True)), Architecture(8, 4, True), view)
        save_model(folder / f"{target}.safetensors", model)
        words += [f"--{target}-model", folder / f"{target}.safetensors"]
    return words


def run_stages(scan, image, label, networks, folder):
    """Run each stage on a scan; return the seconds and the peak memory of each, and the volume as it is read.

    Networks with random weights mark noise, so the filter and what follows it get the true masks instead.
    """
    out, run = folder / "out" / "scan", measure.run_job
    masks = {"kidney": label > 0, "tumor": label == 2}
    converts = ["--image", out / "imaging.nii.gz"] if scan.is_dir() else []
    words = ["--scan", scan, *converts, "--size", SIZE, "--output", out]
    found = {"read_scan": run(measure.SCRIPTS / "read_scan.py", *words)}
    volume = out / "imaging.nii.gz" if converts else image
    words = ["--slices", out.parent, "--cases", "scan", *networks, "--output", folder / "raw", "--device", "cpu"]
    found["predict"] = run(measure.SCRIPTS / "predict.py", *words, "--threads", 1)
    affine = read_geometry(volume).stored_affine
    for name, mask in masks.items():
        write_volume(folder / f"{name}.nii.gz", mask.astype(np.uint8), affine)
    masks = ["--kidney", folder / "kidney.nii.gz", "--tumor", folder / "tumor.nii.gz"]
    segmentation = ["--segmentation", folder / "s.nii.gz"]
    words = ["--ratio-range", folder / "range.json", "--output", folder / "s.nii.gz"]
    found["postprocess"] = run(measure.SCRIPTS / "postprocess.py", *masks, *words)
    words = ["--slices", out, *segmentation, "--manifest", folder / "model.json", "--output", folder / "m.tsv"]
    found["measure_scan"] = run(measure.SCRIPTS / "measure_scan.py", *words)
    words = ["--name", "scan", "--image", volume, "--template", TEMPLATE, "--output", folder / "view.html"]
    found["write_viewer"] = run(measure.SCRIPTS / "write_viewer.py", *masks, *segmentation, *words)
    return found


def main(arguments):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        image, label = make_phantom(arguments.slices, "int16")
        write_json(folder / "range.json", {"low": 1, "high": 100})
        checksums = {f"{target}.safetensors": "0" * 64 for target in ("kidney", "tumor")}
        write_json(folder / "model.json", {"cohort": EVERYTHING, "source": "kits19", "sha256": checksums})
        networks = write_networks(folder)
        for name, affine in (("ipl", IPL), ("ras", RAS)):
            write_volume(folder / f"{name}.nii.gz", image, affine)
        write_dicom(folder / "dicom", image)
        scans = {
            REFERENCE: folder / "ipl.nii.gz",
            "NIfTI in the axes R, A, S": folder / "ras.nii.gz",
            "DICOM, not compressed": folder / "dicom",
        }
        rounds = []
        for number in range(arguments.rounds):
            rounds.append({name: run_stages(scan, scan, label, networks, folder) for name, scan in scans.items()})
            print(f"round {number + 1}: {rounds[-1]}", flush=True)
        stages = []
        for stage in rounds[0][REFERENCE]:
            for name in scans:
                jobs = [measured[name][stage] for measured in rounds]
                base = [measured[REFERENCE][stage]["seconds"] for measured in rounds]
                ratios = [job["seconds"] / reference for job, reference in zip(jobs, base, strict=True)]
                row = {"stage": stage, "scan": name, "peak_mib": max(job["peak_mib"] for job in jobs)}
                row["seconds"] = measure.summarize_values([job["seconds"] for job in jobs])
                row["times_the_reference"] = measure.summarize_values(ratios)
                stages.append(row)
                print(f"  {stage:14s} {name:26s} {row['seconds']['median']:7.2f} s {statistics.median(ratios):5.2f} x")
    measure.write_result("scans", arguments, [], voxels=list(image.shape), stages=stages)


if __name__ == "__main__":
    parser = measure.make_parser(__doc__)
    parser.add_argument("--slices", type=int, default=SLICES, help="number of slices of 512 x 512 voxels")
    main(parser.parse_args())
