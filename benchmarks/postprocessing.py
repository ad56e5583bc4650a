"""Time the post-processing filter against scipy and scikit-image on the full volume."""

import tempfile
from dataclasses import asdict
from pathlib import Path

import cc3d
import fill_voids
import measure
import numpy as np
from scipy import ndimage
from skimage.measure import regionprops

from kidney_tumor.data.targets import NETWORKS
from kidney_tumor.files import write_json
from kidney_tumor.filter.constraints import FilterOptions, RatioRange
from kidney_tumor.filter.postprocessing import postprocess
from kidney_tumor.schema import fill_dataclass, read_defaults
from kidney_tumor.volumes.labels import KIDNEY, TUMOR, read_label
from kidney_tumor.volumes.masks import RunLengthMask
from kidney_tumor.volumes.nifti import write_volume

RATIO_RANGE = RatioRange(1.07, 2.8, "voxel")  # from section 2.2 of the paper
OPTIONS = fill_dataclass(FilterOptions, read_defaults()["postprocess"])
SHAPE = (1059, 512, 512)  # the shape of KiTS19's largest case


def is_accepted(coordinates, kidney):
    """Tell whether the filter keeps the tumor component with these coordinates, shape (n, 3)."""
    if len(coordinates) < 10:
        return False
    _, second, first = np.linalg.eigvalsh(np.cov(coordinates.T)).clip(min=0)
    if second <= 1e-9 * first or not RATIO_RANGE.low <= first / second <= RATIO_RANGE.high:
        return False
    return np.count_nonzero(kidney[tuple(coordinates.T)]) / len(coordinates) >= 0.95


def label_everywhere(mask):
    """Fill a mask's holes and label its components with scipy; return labels, voxels of each, and the whole volume."""
    labels, _ = ndimage.label(ndimage.binary_fill_holes(mask), np.ones((3, 3, 3)))
    return labels, np.bincount(labels.ravel()), (slice(0, None),) * 3


def label_box(mask):
    """Fill a mask's holes and label its components with cc3d and fill-voids, inside the box that is returned last."""
    axes = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = tuple(slice(axis[0], axis[-1] + 1) for axis in axes)
    labels = cc3d.connected_components(fill_voids.fill(np.ascontiguousarray(mask[box])), connectivity=26)
    voxels = cc3d.statistics(labels, no_slice_conversion=True)["voxel_counts"].astype(int)
    return labels.astype(np.int32), voxels, box


def filter_labeled(kidney, tumor, label_components):
    """Filter the masks by their labeled components and scikit-image's properties of regions."""
    segmentation = np.zeros(kidney.shape, np.uint8)
    labels, voxels, box = label_components(kidney)
    keep = np.zeros(len(voxels), np.uint8)
    keep[1 + np.argsort(-voxels[1:], kind="stable")[:2]] = KIDNEY
    segmentation[box] = keep[labels]
    labels, _, box = label_components(tumor)
    for region in regionprops(labels):
        coordinates = region.coords + [axis.start for axis in box]
        if is_accepted(coordinates, segmentation):
            segmentation[tuple(coordinates.T)] = TUMOR
    return segmentation


def filter_runs(kidney, tumor):
    """Filter the masks as this project does, on runs of voxels."""
    masks = RunLengthMask.from_mask(kidney), RunLengthMask.from_mask(tumor)
    return postprocess(*masks, (1, 1, 1), RATIO_RANGE, OPTIONS).segmentation


def make_phantom():
    """Make a phantom label, two kidneys and a tumor in a volume of the shape of the largest case."""
    volume = np.zeros(SHAPE, np.uint8)
    z, y, x = np.ogrid[:700, :130, :130]
    kidney = ((z - 350) / 350) ** 2 + ((y - 65) / 62) ** 2 + ((x - 65) / 62) ** 2 < 1
    tumor = ((z - 300) / 140) ** 2 + ((y - 60) / 40) ** 2 + ((x - 60) / 30) ** 2 < 1
    for column in (90, 300):
        volume[200:900, 270:400, column : column + 130] = kidney
    volume[200:900, 270:400, 90:220][tumor & kidney] = TUMOR
    return volume


def add_false_positives(mask, rng):
    """Return the mask as bad networks predict it, with false positives of up to three slices, some with a hole."""
    mask = mask.copy()
    slices, rows, columns = mask.shape
    for z in range(slices):
        for _ in range(6):
            radius, depth = rng.integers(1, 7), rng.integers(1, 4)
            y, x = rng.integers(radius, rows - radius), rng.integers(radius, columns - radius)
            inside = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius
            place = (slice(z, z + depth), slice(y - radius, y + radius + 1), slice(x - radius, x + radius + 1))
            mask[place] |= inside
            if radius > 3 and depth == 3 and z + depth <= slices:
                mask[z + 1, y, x] = False
    return mask


def main(arguments):
    label = read_label(arguments.label) if arguments.label else make_phantom()
    rng = np.random.default_rng(0)
    clean = label > 0, label == TUMOR
    noisy = tuple(add_false_positives(mask, rng) for mask in clean)
    comparisons = []
    for name, masks in {"the true masks": clean, "noisy masks": noisy}.items():
        kidney, tumor = (np.asfortranarray(mask) for mask in masks)  # the order of masks read from a file
        found = sum(int(ndimage.label(mask, np.ones((3, 3, 3)))[1]) for mask in masks)
        contenders = {
            "scipy and scikit-image, full volume": lambda k=kidney, t=tumor: filter_labeled(k, t, label_everywhere),
            "cc3d and fill-voids, bounding box": lambda k=kidney, t=tumor: filter_labeled(k, t, label_box),
            "here, runs": lambda k=kidney, t=tumor: filter_runs(k, t),
        }
        expected, *others = (work() for work in contenders.values())
        for other in others:
            np.testing.assert_array_equal(other, expected)
        facts = {"case": f"{name}, {found} components", "voxels": list(label.shape)}
        print(f"{facts['case']}: {label.shape} voxels")
        comparison = measure.compare(contenders, next(iter(contenders)), arguments.rounds, warm=True, **facts)
        with tempfile.TemporaryDirectory() as folder:
            words = ["--ratio-range", Path(folder, "range.json"), "--output", Path(folder, "s.nii.gz")]
            write_json(words[1], asdict(RATIO_RANGE))
            for target, mask in zip(NETWORKS, masks, strict=True):
                words += [f"--{target}", Path(folder, f"{target}.nii.gz")]
                write_volume(words[-1], np.asfortranarray(mask.astype(np.uint8)), measure.AFFINE)
            comparison["peak_mib"] = measure.run_job(measure.SCRIPTS / "postprocess.py", *words)["peak_mib"]
        print(f"  peak memory of the script: {comparison['peak_mib']} MiB")
        comparisons.append(comparison)
    source = arguments.label.resolve().parent.name if arguments.label else "phantom"
    measure.write_result("postprocessing", arguments, comparisons, label=source)


if __name__ == "__main__":
    parser = measure.make_parser(__doc__)
    parser.add_argument("--label", type=Path, help="label volume, NIfTI; a phantom of 1059 slices if left out")
    main(parser.parse_args())
