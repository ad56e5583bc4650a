"""Time slice extraction against decompression alone, and against nibabel with scikit-image."""

import tempfile
from pathlib import Path

import measure
import nibabel as nib
import numpy as np
from isal import igzip
from skimage.transform import resize

from kidney_tumor.data.slices import extract
from kidney_tumor.volumes.nifti import write_volume

SIZE = 256
NOISE = 18
"""Standard deviation of the noise, HU. Compressed float64 then takes as much space as KiTS19, 20 GB for 210 cases."""


def make_phantom(slices, dtype):
    """Make a phantom, a body in air with the noise of CT, and its label volume, both of shape (slices, 512, 512)."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, NOISE, (512 + 64, 512 + slices)).astype(np.int16)
    row, column = np.mgrid[:512, :512]
    body = np.where(np.hypot((row - 256) / 180, (column - 256) / 230) < 1, 40, -1000)
    image, label = np.empty((slices, 512, 512), dtype, order="F"), np.zeros((slices, 512, 512), np.uint8, order="F")
    for c in range(512):
        image[..., c] = (body[:, c, None] + noise[c % 64 : c % 64 + 512, c : c + slices]).T
    label[slices // 4 : slices // 2, 200:300, 100:200] = 1
    label[slices // 3 : slices // 2, 220:260, 120:160] = 2
    return image, label


def decompress(*paths):
    """Decompress the files and discard their content."""
    for path in paths:
        with igzip.open(path) as stream:
            while stream.read(2**20):
                pass


def extract_plainly(image_path, label_path, output):
    """Extract slices as one would with nibabel and scikit-image."""
    for name, path, dtype in (("images", image_path, np.int16), ("labels", label_path, np.uint8)):
        volume = nib.load(path).get_fdata()
        slices = [resize(s, (SIZE, SIZE), order=0, preserve_range=True, anti_aliasing=False) for s in volume]
        np.save(output / f"{name}.npy", np.rint(slices).astype(dtype))


def main(arguments):
    comparisons = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        paths = folder / "imaging.nii.gz", folder / "segmentation.nii.gz"
        for slices, dtype in ((216, "int16"), (216, "float64"), (1059, "float64")):
            for path, volume in zip(paths, make_phantom(slices, dtype), strict=True):
                write_volume(path, volume, measure.AFFINE)
            print(f"{slices} slices of 512 x 512, stored as {dtype}")
            (folder / "plain").mkdir(exist_ok=True)
            contenders = {
                "decompression alone": lambda: decompress(*paths),
                "nibabel and scikit-image": lambda: extract_plainly(*paths, folder / "plain"),
                "here": lambda: extract(*paths, SIZE, folder / "here"),
            }
            if slices > 300:  # The plain way takes more than a minute.
                del contenders["nibabel and scikit-image"]
            facts = {"case": f"{slices} slices, {dtype}"}
            comparison = measure.compare(contenders, "decompression alone", arguments.rounds, **facts)
            for name in ("images", "labels") if slices <= 300 else ():
                plain = np.load(folder / "plain" / f"{name}.npy")
                np.testing.assert_array_equal(np.load(folder / "here" / f"{name}.npy"), plain)
            words = ["--image", paths[0], "--label", paths[1], "--output", folder / "here", "--size", SIZE]
            comparison["peak_mib"] = measure.run_job(measure.SCRIPTS / "extract_slices.py", *words)["peak_mib"]
            print(f"  peak memory of the script: {comparison['peak_mib']} MiB")
            comparisons.append(comparison)
    measure.write_result("extraction", arguments, comparisons)


if __name__ == "__main__":
    main(measure.make_parser(__doc__).parse_args())
