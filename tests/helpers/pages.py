"""A case whose page is tested: its volumes, and the script that writes the page."""

import numpy as np
from conftest import RESOURCES, run_script, save

HOSTILE = "\"><script>alert('1')</script>&amp;{{facts}}"
SHAPE = (30, 40, 50)
WINDOW = (-79.0, 304.0)
SPACING = np.array([3, 0.75, 0.75])


def put(*boxes):
    """A label volume with boxes of a label each."""
    labels = np.zeros(SHAPE, np.uint8)
    for label, box in boxes:
        labels[box] = label
    return labels


TRUTH = put((1, np.s_[11:19, 12:28, 8:20]), (1, np.s_[11:19, 12:28, 30:44]))
AFTER = put((1, np.s_[11:19, 12:28, 30:44]), (2, np.s_[13:18, 10:18, 34:42]))
HU = 60 + 5 * np.arange(SHAPE[0])
"""The image's values, one for each slice."""


def save_volumes(folder):
    """A case of flat slices, with a tumor in the kidney on the patient's left after post-processing only."""
    save(folder / "image.nii.gz", np.broadcast_to(HU[:, None, None], SHAPE).astype(np.int16))
    save(folder / "label.nii.gz", TRUTH)
    save(folder / "segmentation.nii.gz", AFTER)
    save(folder / "kidney.nii.gz", np.maximum(TRUTH > 0, AFTER > 0).astype(np.uint8))
    save(folder / "tumor.nii.gz", np.zeros(SHAPE, np.uint8))


def write(case, *arguments, label=True):
    page = case / "page.html"
    files = {name: case / f"{name}.nii.gz" for name in ("image", "kidney", "tumor", "segmentation")}
    if label:
        files["label"] = case / "label.nii.gz"
    files["template"] = RESOURCES / "viewer.html"
    options = [text for name, path in files.items() for text in (f"--{name}", path)]
    result = run_script("write_viewer", "--name", HOSTILE, *options, "--output", page, *arguments)
    return result, page
