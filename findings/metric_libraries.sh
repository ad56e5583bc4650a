#!/bin/bash
# MedPy 0.5.2, MONAI 1.6.1 and surface-distance 0.1 give different distances for the same two masks, and none for an empty one.
#
# Masks drawn by hand, with slices 3 mm apart and pixels of 0.8 mm. Guess beforehand: a box that is moved by 4 mm is 4 mm away in
# all of them. A lump with a tenth of a surface is seen where each surface has its own percentile, and not by MedPy, which pools
# both. Spheres in one another differ by how a surface is drawn: through the centers of voxels, or through the corners between
# them, with areas. Then the surface Dice: MONAI counts centers of voxels, and areas only if it is asked for subvoxels.
# surface-distance raises an error under numpy 2 once a mask is empty.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check medpy==0.5.2 monai==1.6.1 surface-distance==0.1 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import surface_distance
import torch
from medpy.metric.binary import dc, hd95
from monai.metrics import compute_dice, compute_hausdorff_distance, compute_surface_dice

SHAPE, SPACING, TOLERANCE = (24, 80, 80), (3.0, 0.8, 0.8), 1.0


def box(*spans):
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*span) for span in spans)] = True
    return mask


def sphere(radius_mm):
    places = [(np.arange(length) - length // 2) * step for length, step in zip(SHAPE, SPACING)]
    return sum(axis**2 for axis in np.meshgrid(*places, indexing="ij")) <= radius_mm**2


def ask_medpy(truth, prediction):
    return dc(prediction, truth), hd95(prediction, truth, SPACING), None


def ask_monai(truth, prediction, subvoxels=False):
    given = [torch.tensor(mask)[None, None] for mask in (prediction, truth)]
    surface = compute_surface_dice(*given, [TOLERANCE], include_background=True, spacing=SPACING, use_subvoxels=subvoxels)
    distance = compute_hausdorff_distance(*given, include_background=True, percentile=95, spacing=SPACING)
    return compute_dice(*given).item(), distance.item(), surface.item()


def ask_surface_distance(truth, prediction):
    found = surface_distance.compute_surface_distances(truth, prediction, SPACING)
    return (
        surface_distance.compute_dice_coefficient(truth, prediction),
        surface_distance.compute_robust_hausdorff(found, 95),
        surface_distance.compute_surface_dice_at_tolerance(found, TOLERANCE),
    )


def ask_monai_subvoxels(truth, prediction):
    return ask_monai(truth, prediction, True)


truth, nothing = box((4, 14), (10, 50), (10, 50)), np.zeros(SHAPE, bool)
pairs = {
    "a box moved by 5 pixels, 4 mm": (truth, np.roll(truth, 5, 2)),
    "a box, and a lump of a tenth": (truth, truth | box((8, 12), (55, 67), (15, 27))),
    "spheres of 20 and 22 mm": (sphere(20), sphere(22)),
    "a tumor that is missed": (truth, nothing),
    "nothing in both": (nothing, nothing),
}
seen = {}
print("2026-11-29, " + ", ".join(f"{name} {version(name)}" for name in ("medpy", "monai", "surface-distance", "numpy")))
for what, pair in pairs.items():
    for ask in (ask_medpy, ask_monai, ask_monai_subvoxels, ask_surface_distance):
        try:
            values = ask(*pair)
        except Exception as error:
            values = f"{type(error).__name__}: {error}"
        seen[what, ask.__name__] = values
        text = values if isinstance(values, str) else ", ".join(
            f"{name} {value:.4f}" for name, value in zip(("Dice", "HD95", "surface Dice"), values) if value is not None
        )
        print(f"{what}: {ask.__name__.removeprefix('ask_')}: {text}")
moved, lump, spheres, missed, _ = pairs
distances = {key: values[1] for key, values in seen.items() if not isinstance(values, str)}
asked = ("ask_medpy", "ask_monai", "ask_surface_distance")
is_right = (
    all(abs(distances[moved, ask] - 4) < 1e-6 for ask in asked)
    and distances[lump, "ask_medpy"] == 0 < min(distances[lump, ask] for ask in asked[1:])
    and not np.isclose(seen[spheres, "ask_monai"][2], seen[spheres, "ask_surface_distance"][2], atol=0.05)
    and isinstance(seen[missed, "ask_surface_distance"], str)
)
sys.exit(not is_right)
PYTHON
