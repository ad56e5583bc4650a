"""A page on which a case is looked at in a browser, without a network: planes, surfaces, and the layers of labels.

NiiVue draws it, the JavaScript that the package ipyniivue brings.
"""

import importlib.metadata
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from isal import igzip
from scipy import ndimage

from kidney_tumor.errors import UserError
from kidney_tumor.report.crop import Crop, choose_box, choose_steps, read_grays, read_labels
from kidney_tumor.report.surfaces import encode_surface, trace_surface
from kidney_tumor.report.templates import fill
from kidney_tumor.volumes.colors import LABEL_COLORS
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.labels import KIDNEY, TUMOR
from kidney_tumor.volumes.masks import RunLengthMask
from kidney_tumor.volumes.nibabel_alone import nib, orientations

LARGEST = 15_000_000
"""The most bytes of a page."""
MOST_VOXELS = 2**25
"""The most voxels of an image: the browser's graphics take 4 bytes for each, and 4 more for each layer."""
MARGIN = 20.0
"""The distance from the labels to the end of what is shown, mm."""
WIDENING = 0.5
"""How far the grays reach beyond the HU window at either end, for the page's sliders; in widths of the window."""
BUNDLE = "ipyniivue/static/widget.js"
NEEDED = (
    "initialize",
    "render",
    "attachToCanvas",
    "loadVolumes",
    "loadMeshes",
    "setCustomLayout",
    "setColormapLabel",
    "setMeshShader",
)
"""What the page's script calls in the bundle."""


@dataclass(frozen=True)
class Layer:
    """Labels that a page can show.

    Attributes:
        name: A word for it: `truth`, `before` or `after`.
        title: What the reader sees.
        kidney_tumor: The mask of kidney and tumor.
        tumor: The mask of the tumor.
        visible: Whether it is shown at first.
    """

    name: str
    title: str
    kidney_tumor: RunLengthMask
    tumor: RunLengthMask
    visible: bool = False


def read_bundle() -> str:
    """Read NiiVue's JavaScript from the package that brings it, which is not imported.

    Raises:
        UserError: The package is not installed, or its JavaScript lacks what the page calls.
    """
    try:
        path = Path(str(importlib.metadata.distribution("ipyniivue").locate_file(BUNDLE)))
        source = path.read_text(encoding="utf-8")
    except (importlib.metadata.PackageNotFoundError, FileNotFoundError) as error:
        raise UserError("NiiVue is missing; install the package ipyniivue as envs/lock.txt pins it") from error
    lacking = [name for name in NEEDED if name not in source]
    if lacking:
        raise UserError(f"{path} lacks {', '.join(lacking)}; install the package ipyniivue as envs/lock.txt pins it")
    return source


def make_page(
    name: str,
    image: Path,
    geometry: Geometry,
    layers: Sequence[Layer],
    window: tuple[float, float],
    notes: Sequence[str],
    template: Path,
    overview: str = "",
) -> str:
    """Make the page of a case, coarsened by whole steps if it would be larger than `LARGEST` otherwise.

    Args:
        name: Of the case or scan, any text.
        image: The image's file.
        geometry: Of the image.
        layers: The labels, of which those called `before` decide what is shown only if all others are empty.
        window: The HU that are black and white at first.
        notes: Lines of text to show above the picture.
        template: `viewer.html`.
        overview: The address of the page of all scans, seen from this page; empty if there is none.

    Raises:
        UserError: The image's file is broken, or NiiVue is missing.
    """
    bundle = igzip.compress(read_bundle().encode(), mtime=0)
    preferred, others = (
        [mask for layer in layers if (layer.name == "before") == late for mask in (layer.kidney_tumor, layer.tumor)]
        for late in (False, True)
    )
    box = choose_box(preferred, others, geometry, MARGIN)
    most = MOST_VOXELS
    while True:
        crop = Crop(box, choose_steps(box, geometry.spacing, most))
        files, facts = encode_case(image, geometry, layers, window, crop)
        page = fill(
            template,
            name=name,
            notes=notes,
            overview=quote(overview),
            part=describe_part(crop, geometry, preferred + others),
            colors=LABEL_COLORS,
            facts=json.dumps(facts).replace("<", "\\u003c"),
            files={file: b64encode(content).decode() for file, content in (files | {"niivue.js.gz": bundle}).items()},
        )
        voxels = np.prod(crop.shape)
        if len(page.encode()) <= LARGEST or voxels == 1:
            return page
        most = int(voxels * min(0.9, LARGEST / len(page)))


def encode_case(
    image: Path, geometry: Geometry, layers: Sequence[Layer], window: tuple[float, float], crop: Crop
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Encode the part of a case that is shown: the files that the page's script reads, by name, and facts for it."""
    width = window[1] - window[0]
    stored = window[0] - WIDENING * width, window[1] + WIDENING * width
    affine = crop.move(geometry.affine)
    volume = nib.Nifti1Image(read_grays(image, crop, stored), affine)
    volume.header.set_slope_inter((stored[1] - stored[0]) / 255, stored[0])
    files, described, parts = {"image.nii.gz": compress(volume)}, [], {}
    for layer in layers:
        labels = read_labels(layer.kidney_tumor, layer.tumor, crop)
        parts[layer.name] = labels
        files[f"{layer.name}.nii.gz"] = compress(nib.Nifti1Image(labels, affine))
        surfaces = []
        for value, label in ((TUMOR, "tumor"), (KIDNEY, "kidney")):  # what is opaque is drawn first
            if (labels == value).any():
                files[f"{layer.name}_{label}.mz3"] = encode_surface(*trace_surface(labels == value, affine))
                surfaces.append(label)
        described.append({"name": layer.name, "title": layer.title, "visible": layer.visible, "surfaces": surfaces})
    final = [part for name, part in parts.items() if name != "before"]
    focus = find_focus(final if any(part.any() for part in final) else list(parts.values()))
    # Of the axes: patient's left to right, back to front, upwards.
    orientation = orientations.io_orientation(affine)[:, 0].argsort()
    facts = {
        "layers": described,
        "colors": LABEL_COLORS,
        "window": list(window),
        "stored": list(stored),
        "extent": (np.linalg.norm(affine[:3, :3], axis=0) * crop.shape)[orientation].tolist(),
        "focus": (affine @ [*focus, 1])[:3].tolist(),
        "inverse": np.linalg.inv(geometry.affine).tolist(),
    }
    return files, facts


def compress(volume: nib.Nifti1Image) -> bytes:
    """Encode a volume as a gzipped NIfTI file."""
    return igzip.compress(volume.to_bytes(), mtime=0)


def find_focus(volumes: Sequence[np.ndarray]) -> tuple[int, int, int]:
    """Find the voxel at which a page opens: in the slice with the most tumor, that nearest the largest piece's middle.

    Of equal slices it is the middle one. It is taken from the first volume with a tumor, else from the first with a
    kidney; if all are empty, it is the middle of the volume.

    Args:
        volumes: Label volumes of one shape, (slices, rows, columns).
    """
    for value in (TUMOR, KIDNEY):
        for volume in volumes:
            counts = (volume == value).sum((1, 2))
            if counts.any():
                largest = np.flatnonzero(counts == counts.max())
                number = int(largest[len(largest) // 2])
                pieces, _ = ndimage.label(volume[number] == value)
                places = np.argwhere(pieces == np.bincount(pieces.ravel())[1:].argmax() + 1)
                row, column = places[np.abs(places - places.mean(0)).sum(1).argmin()].tolist()
                return number, row, column
    slices, rows, columns = volumes[0].shape
    return slices // 2, rows // 2, columns // 2


def describe_part(crop: Crop, geometry: Geometry, masks: Sequence[RunLengthMask] = ()) -> str:
    """Say which part of a volume a page shows, whether a mask reaches beyond it, and how far it is coarsened.

    Slices are counted from 0 downwards, rows backwards, columns to the patient's left.
    """
    names = ("slices", "rows", "columns")
    sides = [
        f"{name} {side.start} to {side.stop - 1} of 0 to {length - 1}"
        for name, side, length in zip(names, crop.box, geometry.shape, strict=True)
    ]
    text = f"Shown: {', '.join(sides)}; slices are counted downwards, rows backwards, columns to the patient's left."
    boxes = [mask.find_box() for mask in masks if len(mask)]
    if any(
        side.start < shown.start or side.stop > shown.stop
        for box in boxes
        for side, shown in zip(box, crop.box, strict=True)
    ):
        text += " What the networks marked elsewhere is not shown."
    if max(crop.steps) > 1:
        steps = ", ".join(f"{step} {name}" for step, name in zip(crop.steps, names, strict=True) if step > 1)
        text += f" Coarsened, since the page would be too large for a browser otherwise: {steps} are drawn as one."
    return text
