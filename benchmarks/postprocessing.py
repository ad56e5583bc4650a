"""Time the post-processing filter against scipy and scikit-image on the full volume."""

import tempfile
from pathlib import Path

import cc3d
import fill_voids
import measure
import numpy as np
from scipy import ndimage
from skimage.measure import regionprops

from kidney_tumor.files import write_json
from kidney_tumor.filter.constraints import FilterOptions
from kidney_tumor.filter.postprocessing import postprocess
from kidney_tumor.schema import fill_dataclass, read_defaults
from kidney_tumor.volumes.labels import KIDNEY, TUMOR, read_label
from kidney_tumor.volumes.masks import RunLengthMask
from kidney_tumor.volumes.nifti import write_volume

RATIO_RANGE = (1.07, 2.8)  # from section 2.2 of the paper
OPTIONS = fill_dataclass(FilterOptions, read_defaults()["postprocess"])
SHAPE = (1059, 512, 512)  # the shape of KiTS19's largest case


def is_accepted(coordinates, kidney):
    """Tell whether the filter keeps the tumor component with these coordinates, shape (n, 3)."""
    if len(coordinates) < 10:
        return False
    _, second, first = np.linalg.eigvalsh(np.cov(coordinates.T)).clip(min=0)
    if second <= 1e-9 * first or not RATIO_RANGE[0] <= first / second <= RATIO_RANGE[1]:
        return False
    return np.count_nonzero(kidney[tuple(coordinates.T)]) / len(coordinates) >= 0.95


def filter_volume(kidney, tumor):
    """Filter the masks as one would with scipy and scikit-image, on the full volume."""
    everywhere = np.ones((3, 3, 3))
    kidney, tumor = ndimage.binary_fill_holes(kidney), ndimage.binary_fill_holes(tumor)
    labels, _ = ndimage.label(kidney, everywhere)
    voxels = np.bincount(labels.ravel())
    voxels[0] = 0
    largest = np.argsort(-voxels, kind="stable")[:2]
    kidney = np.isin(labels, largest[voxels[largest] > 0])
    segmentation = kidney.astype(np.uint8) * KIDNEY
    labels, _ = ndimage.label(tumor, everywhere)
    for region in regionprops(labels):
        if is_accepted(region.coords, kidney):
            segmentation[tuple(region.coords.T)] = TUMOR
    return segmentation


def filter_box(kidney, tumor):
    """Filter the masks with cc3d and fill-voids inside their bounding boxes, as this project did before."""

    def find_box(mask):
        axes = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
        return tuple(slice(axis[0], axis[-1] + 1) for axis in axes)

    segmentation = np.zeros(kidney.shape, np.uint8)
    where = find_box(kidney)
    labels = cc3d.connected_components(fill_voids.fill(np.ascontiguousarray(kidney[where])), connectivity=26)
    voxels = cc3d.statistics(labels, no_slice_conversion=True)["voxel_counts"][1:].astype(int)
    keep = np.zeros(len(voxels) + 1, bool)
    keep[1 + np.argsort(-voxels, kind="stable")[:2]] = True
    kidney = np.zeros(kidney.shape, bool)
    kidney[where] = keep[labels]
    segmentation[kidney] = KIDNEY
    where = find_box(tumor)
    labels = cc3d.connected_components(fill_voids.fill(np.ascontiguousarray(tumor[where])), connectivity=26)
    corner = np.array([axis.start for axis in where])
    for region in regionprops(labels.astype(np.int32)):
        coordinates = region.coords + corner
        if is_accepted(coordinates, kidney):
            segmentation[tuple(coordinates.T)] = TUMOR
    return segmentation


def filter_runs(kidney, tumor):
    """Filter the masks as this project does, on runs of voxels."""
    masks = RunLengthMask.from_mask(kidney), RunLengthMask.from_mask(tumor)
    return postprocess(*masks, RATIO_RANGE, OPTIONS).segmentation


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
    comparisons = []
    noisy = tuple(add_false_positives(mask, rng) for mask in clean)
    for name, masks in {"the true masks": clean, "noisy masks": noisy}.items():
        kidney, tumor = (np.asfortranarray(mask) for mask in masks)  # the order of masks read from a file
        found = [ndimage.label(mask, np.ones((3, 3, 3)))[1] for mask in masks]
        print(f"{name}: {label.shape} voxels, {found[0]} kidney and {found[1]} tumor components")
        expected = filter_volume(kidney, tumor)
        holes = [int(np.count_nonzero(fill_voids.fill(m.copy()))) - int(np.count_nonzero(m)) for m in masks]
        print(f"  voxels in holes: {holes}")
        for function in (filter_box, filter_runs):
            np.testing.assert_array_equal(function(kidney, tumor), expected)
        contenders = {
            "scipy and scikit-image, full volume": lambda k=kidney, t=tumor: filter_volume(k, t),
            "cc3d and fill-voids, bounding box": lambda k=kidney, t=tumor: filter_box(k, t),
            "here, runs": lambda k=kidney, t=tumor: filter_runs(k, t),
        }
        facts = {"case": name, "voxels": list(label.shape), "components": found, "voxels_in_holes": holes}
        comparison = measure.compare(contenders, next(iter(contenders)), arguments.rounds, warm=True, **facts)
        with tempfile.TemporaryDirectory() as folder:
            files = {target: Path(folder, f"{target}.nii.gz") for target in ("kidney", "tumor")}
            for mask, path in zip(masks, files.values(), strict=True):
                write_volume(path, np.asfortranarray(mask.astype(np.uint8)), measure.AFFINE)
            write_json(Path(folder, "range.json"), {"low": RATIO_RANGE[0], "high": RATIO_RANGE[1]})
            words = [word for target, path in files.items() for word in (f"--{target}", path)]
            words += ["--ratio-range", Path(folder, "range.json"), "--output", Path(folder, "s.nii.gz")]
            jobs = [measure.run_job(measure.SCRIPTS / "postprocess.py", *words) for _ in range(arguments.rounds)]
        comparison["job"] = {key: measure.summarize_values([job[key] for job in jobs]) for key in jobs[0]}
        print(f"  the whole job, files to file: {comparison['job']}")
        comparisons.append(comparison)
    source = arguments.label.resolve().parent.name if arguments.label else "phantom"
    measure.write_record("postprocessing", arguments, comparisons, label=source)


if __name__ == "__main__":
    parser = measure.make_parser(__doc__)
    parser.add_argument("--label", type=Path, help="label volume, NIfTI; a phantom of 1059 slices if left out")
    main(parser.parse_args())
