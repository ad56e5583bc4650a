"""Score networks on labeled CTs: Dice, surface Dice and the error of the volume, before and after the filter."""

import tempfile
from argparse import Namespace
from pathlib import Path

import matplotlib.pyplot as plt
import measure
import numpy as np
import pandas as pd

from kidney_tumor.analysis.method_scores import score_segmentation
from kidney_tumor.analysis.scoring import compute_dice
from kidney_tumor.analysis.statistics import estimate_interval
from kidney_tumor.data.restoration import restore
from kidney_tumor.data.slices import extract
from kidney_tumor.data.stages import merge
from kidney_tumor.data.targets import NETWORKS, TARGETS
from kidney_tumor.filter.constraints import FilterOptions
from kidney_tumor.filter.postprocessing import postprocess, read_ratio_range
from kidney_tumor.networks.engines import choose_engine
from kidney_tumor.networks.models import load_model
from kidney_tumor.scans.manifest import SYNTHETIC, read_manifest
from kidney_tumor.schema import fill_dataclass, read_defaults
from kidney_tumor.volumes.colors import LABEL_COLORS
from kidney_tumor.volumes.components import find_components
from kidney_tumor.volumes.labels import KIDNEY, TUMOR
from kidney_tumor.volumes.masks import encode, read_label_masks
from kidney_tumor.volumes.nifti import read_columns

SHIPPED = measure.ROOT / "workflow" / "resources" / "models" / SYNTHETIC
DEFAULTS = read_defaults()
SMALLEST = DEFAULTS["postprocess"]["min_component_voxels"]
"""The number of voxels from which on a component is a tumor."""


def segment(engine, networks, image):
    """Segment a CT; return the raw masks of kidney + tumor and of tumor, (slices, rows, columns), and the spacing."""
    inference = DEFAULTS["inference"]
    with tempfile.TemporaryDirectory() as temporary:
        store = extract(image, None, networks[0].view.size, Path(temporary) / image.parent.name)
    values = engine.predict(networks, store.images, inference["batch_size"])
    size, shape = networks[0].view.size, store.geometry.shape
    masks = [restore(value, size, shape, inference["restore"], inference["threshold"]) > 0 for value in values]
    return masks, store.geometry.spacing


def count_tumors(truth, prediction):
    """Count the true tumors, those that the prediction touches, and the predicted ones that touch none."""
    true, predicted = find_components(encode(truth)), find_components(encode(prediction))
    found = true.count_inside(predicted.runs) > 0
    false = (predicted.count_inside(true.runs) == 0) & (predicted.voxels >= SMALLEST)
    return {"tumors": len(true), "found": int(found.sum()), "false": int(false.sum())}


def draw_picture(path, image, spacing, labels):
    """Draw some axial slices of a CT, (slices, rows, columns) in HU, with several labels of it, a row for each."""
    shown = np.flatnonzero(np.any([label > 0 for label in labels.values()], (0, 2, 3)))
    chosen = shown[np.linspace(0, len(shown) - 1, 6).astype(int)[1:-1]]
    figure, axes = plt.subplots(len(labels), len(chosen), figsize=(10, 2.2 * len(labels)), layout="constrained")
    for row, (title, label) in zip(axes, labels.items(), strict=True):
        for axis, number in zip(row, chosen, strict=True):
            axis.imshow(image[number], cmap="gray", vmin=-160, vmax=240, aspect=spacing[1] / spacing[2])
            for value, organ in ((KIDNEY, "kidney"), (TUMOR, "tumor")):
                if (label[number] == value).any():
                    axis.contour(label[number] == value, [0.5], colors=[LABEL_COLORS[organ]], linewidths=1.2)
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(title)
    figure.savefig(path, dpi=110)


def score_volume(name, image, label, networks, engine, ratios, picture=None):
    """Score a CT whose slices are neighbors: a row for each stage and target; draw it if there is a path for it."""
    truth = read_label_masks(label)
    raw, spacing = segment(engine, networks, image)
    options = fill_dataclass(FilterOptions, DEFAULTS["postprocess"] | {"percentiles": None})
    merged = postprocess(*raw, spacing, ratios, options).segmentation
    if picture:
        hu = np.concatenate([block for _, block in read_columns(image)], 2)
        before, true = merge(*map(encode, raw)), merge(*truth)
        draw_picture(picture, hu, spacing, {"truth": true, "before": before, "after": merged})
    rows = []
    for stage, masks in (("before", raw), ("after", [merged >= KIDNEY, merged == TUMOR])):
        encoded = [encode(mask) for mask in masks]
        for target, scores in score_segmentation(truth, encoded, spacing).items():
            tumors = count_tumors(truth[1], encoded[1]) if target == "tumor" else {}
            rows.append({"scan": name, "stage": stage, "target": target} | scores | tumors)
    return rows


def score_slices(root, networks, engine):
    """Score single slices: the Dice of each in which the label or the mask shows the target, before the filter."""
    rows = []
    for folder in sorted(root.glob("case_*")):
        truth = read_label_masks(folder / "segmentation.nii.gz")
        raw, _ = segment(engine, networks, folder / "imaging.nii.gz")
        for target, true, mask in zip(TARGETS, truth, raw, strict=True):
            for number, (one, other) in enumerate(zip(true.to_volume(), mask, strict=True)):
                if one.any():
                    rows.append((folder.name, number, target, compute_dice(one[None], other[None])))
    return pd.DataFrame(rows, columns=["case", "slice", "target", "dice"])


def main():
    parser = measure.make_parser(__doc__, rounds=False)
    parser.add_argument("--models", type=Path, default=SHIPPED, help="folder with the networks")
    parser.add_argument(
        "--volume", action="append", nargs=3, default=[], metavar=("NAME", "IMAGE", "LABEL"), help="labeled CT, .nii.gz"
    )
    parser.add_argument("--slices", type=Path, help="folder of cases whose slices are no neighbors")
    parser.add_argument("--picture", type=Path, help="figure of the first volume to draw, .png")
    arguments = parser.parse_args()
    engine = choose_engine(Namespace(device="cpu", precision="auto", deterministic="auto", threads=2))
    commit = read_manifest(arguments.models)["commit"]
    networks = [engine.load(load_model(arguments.models / f"{target}.safetensors", target)) for target in NETWORKS]
    ratios = read_ratio_range(arguments.models / "ratio_range.json")
    facts = {"networks": commit}
    if arguments.slices:
        slices = score_slices(arguments.slices, networks, engine)
        for target, part in slices.groupby("target", sort=False):
            cases = part.groupby("case")["dice"].mean()
            low, high = estimate_interval(cases.to_numpy(), np.mean, DEFAULTS["statistics"]["seed"])
            mean = part["dice"].mean()
            print(
                f"{target}: {len(part)} slices, mean Dice {mean:.3f}; {len(cases)} cases, {cases.mean():.3f}", end=" "
            )
            print(f"[{low:.3f}, {high:.3f}]")
        facts["slices"] = slices.round(3).to_dict("records")
    rows = [
        row
        for number, (name, image, label) in enumerate(arguments.volume)
        for row in score_volume(
            name, Path(image), Path(label), networks, engine, ratios, None if number else arguments.picture
        )
    ]
    if rows:
        print(pd.DataFrame(rows).round(3).to_string(index=False))
    measure.write_result("real_ct", arguments, [], volumes=rows, **facts)


if __name__ == "__main__":
    main()
