"""The page of a case: what is in it, and where."""

import base64
import gzip
import json
import re
import struct
from html.parser import HTMLParser
from itertools import product

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE, RESOURCES, save
from helpers.pages import AFTER, HOSTILE, SHAPE, TRUTH, WINDOW, put, write
from nibabel.affines import apply_affine

from kidney_tumor.data.measures import SCAN_MEASURES
from kidney_tumor.errors import UserError
from kidney_tumor.report import viewer
from kidney_tumor.report.crop import Crop, choose_box, choose_steps, read_grays, read_labels
from kidney_tumor.report.surfaces import encode_surface, trace_surface
from kidney_tumor.report.templates import fill
from kidney_tumor.rows import write_rows
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.masks import RunLengthMask
from kidney_tumor.volumes.nifti import read_geometry


def encode(labels):
    return RunLengthMask.from_mask(labels > 0), RunLengthMask.from_mask(labels == 2)


def read_page(page):
    """The files and the facts that a page holds."""
    files = {
        name: base64.b64decode(text)
        for name, text in re.findall(r'<script type="text/plain" data-file="([\w.]+)">([\w+/=]+)</script>', page)
    }
    facts = re.search(r'<script type="application/json" id="facts">(.*)</script>', page)[1]
    return files, json.loads(facts)


def load(content):
    return nib.Nifti1Image.from_bytes(gzip.decompress(content))


def test_the_box_has_a_margin_and_ends_at_the_volume():
    geometry = Geometry((30, 40, 50), AFFINE.tolist())
    small, other = np.zeros((2, *geometry.shape), bool)
    small[10:12, 5:9, 20] = other[:, 0, 0] = True
    small, other, nothing = (RunLengthMask.from_mask(mask) for mask in (small, other, np.zeros_like(small)))
    assert choose_box([small, nothing], [other], geometry, 6) == np.s_[8:14, 0:17, 12:29]
    assert choose_box([nothing], [small], geometry, 0) == np.s_[10:12, 5:9, 20:21]
    assert choose_box([small, other], [], geometry, 1) == np.s_[0:30, 0:11, 0:23]
    assert choose_box([nothing], [nothing], geometry, 6) == np.s_[0:30, 0:40, 0:50]


def test_steps_are_as_small_as_can_be_and_follow_the_spacing():
    box = np.s_[5:105, 0:64, 10:73]
    assert choose_steps(box, (3, 0.75, 0.75), 100 * 64 * 63) == (1, 1, 1)
    assert choose_steps(box, (3, 0.75, 0.75), 100 * 64 * 63 - 1) == (1, 2, 1)
    assert choose_steps(box, (0.5, 0.8, 0.8), 60 * 64 * 63) == (2, 1, 1)
    assert choose_steps(box, (3, 0.75, 0.75), 0) == (100, 64, 63)


@pytest.mark.parametrize("steps", [(1, 1, 1), (2, 1, 1), (3, 4, 7), (30, 40, 50)])
def test_what_is_shown_lies_where_it_lies_in_the_file(tmp_path, rng, steps):
    """Every voxel stands for those of the file in whose middle it lies, with their mean HU."""
    hu = rng.integers(-500, 900, SHAPE).astype(np.int16)
    path = save(tmp_path / "image.nii.gz", hu)
    crop = Crop(np.s_[4:27, 3:40, 11:44], steps)
    grays = read_grays(path, crop, (-200, 500))
    moved, original = crop.move(read_geometry(path).affine), nib.load(path).affine
    assert grays.shape == crop.shape
    expected = np.clip(np.rint((hu.astype(float) + 200) * 255 / 700), 0, 255)
    for index in product(*(range(0, length, 3) for length in crop.shape)):
        low = [side.start + i * step for side, i, step in zip(crop.box, index, steps, strict=True)]
        high = [min(start + step, side.stop) for start, step, side in zip(low, steps, crop.box, strict=True)]
        block = expected[tuple(slice(*ends) for ends in zip(low, high, strict=True))]
        assert abs(grays[index] - block.mean()) <= 0.5
        corners = np.array([low, np.add(low, steps) - 1])
        assert np.allclose(apply_affine(moved, index), apply_affine(original, corners).mean(0), atol=1e-3)


@pytest.mark.parametrize("steps", [(1, 1, 1), (2, 3, 4), (7, 9, 11)])
@pytest.mark.parametrize("chunk", [1, 2**24])
def test_no_label_is_lost_by_coarsening(monkeypatch, rng, steps, chunk):
    monkeypatch.setattr("kidney_tumor.report.crop.CHUNK", chunk)
    labels = (rng.random(SHAPE) < 0.01).astype(np.uint8) + (rng.random(SHAPE) < 0.002)
    labels[labels > 0] = rng.integers(1, 3, (labels > 0).sum())
    crop = Crop(np.s_[2:29, 0:40, 5:50], steps)
    found = read_labels(*encode(labels), crop)
    inside = labels[crop.box]
    expected = np.zeros(crop.shape, np.uint8)
    for index in np.argwhere(inside):
        place = tuple(index // steps)
        expected[place] = max(expected[place], inside[tuple(index)])
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("affine", [AFFINE, np.diag([2, 1, 1, 1.0]), AFFINE @ np.diag([1, 1, -1, 1])])
def test_a_surface_encloses_every_voxel(affine):
    """A single voxel too; seen from outside, the triangles turn counterclockwise, so the volume inside is positive."""
    mask = np.zeros((20, 20, 20), bool)
    mask[3:12, 4:14, 5:13] = mask[17, 17, 17] = True
    points, triangles = trace_surface(mask, affine)
    corners = points[triangles]
    around = apply_affine(affine, np.argwhere(mask))
    edges = corners[:, :, None] - around
    sizes = np.linalg.norm(edges, axis=-1)
    first, second, third = edges.transpose(1, 0, 2, 3)
    solid = np.einsum("tvi,tvi->tv", first, np.cross(second, third))
    flat = sizes.prod(1)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        flat += np.einsum("tvi,tvi->tv", edges[:, i], edges[:, j]) * sizes[:, k]
    turns = (2 * np.arctan2(solid, flat)).sum(0) / (4 * np.pi)  # the solid angle of the surface around each voxel
    assert np.allclose(turns, 1)


def test_a_surface_is_encoded_as_the_format_has_it():
    points, triangles = np.array([[0, 0, 0], [1, 0, 0], [0, 2.5, 0]]), np.array([[0, 1, 2]])
    content = gzip.decompress(encode_surface(points, triangles))
    assert struct.unpack_from("<HHIII", content) == (0x5A4D, 3, 1, 3, 0)
    assert struct.unpack_from("<3i9f", content, 16) == (0, 1, 2, 0, 0, 0, 1, 0, 0, 0, 2.5, 0)


def test_the_page_opens_where_most_tumor_is():
    empty, tumor = put(), put((2, np.s_[3, 4:7, 5]), (2, np.s_[9, 10:15, 20:23]), (1, np.s_[12]))
    assert viewer.find_focus([empty, tumor]) == (9, 12, 21)
    assert viewer.find_focus([TRUTH, tumor]) == (9, 12, 21)
    assert viewer.find_focus([empty]) == (15, 20, 25)
    number, row, column = viewer.find_focus([TRUTH])
    assert TRUTH[number, row, column] == 1
    pieces = put((1, np.s_[9, 4:14, 2:12]), (1, np.s_[9, 8:10, 20:22]), (1, np.s_[9, 4:12, 38:46]))
    assert viewer.find_focus([pieces])[0] == 9
    assert viewer.find_focus([pieces])[2] < 12  # in the larger kidney, not in what lies in the middle of all


class Reader(HTMLParser):
    """Collects the elements of a page, and the texts that are no scripts."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts, self.inside = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        if self.inside and self.inside[-1] not in ("script", "style"):
            self.texts.append(data.strip())


def test_the_page_holds_what_is_shown_and_any_name(case):
    result, path = write(case, "--notes", HOSTILE, "</p><b>")
    assert result.returncode == 0, result.stderr
    page = path.read_text()
    read = Reader(page)
    assert read.texts.count(HOSTILE) == 3  # title, heading and note
    assert "</p><b>" in read.texts
    files, facts = read_page(page)
    assert len([tag for tag, _ in read.elements if tag == "script"]) == len(files) + 2
    assert not [name for _, attributes in read.elements for name in attributes if name in ("src", "href", "onload")]
    assert [layer["name"] for layer in facts["layers"] if layer["visible"]] == ["truth", "after"]
    assert "Shown: slices 4 to 25 of 0 to 29, rows 0 to 39 of 0 to 39, columns 0 to 49 of 0 to 49;" in page
    after, truth, image = (load(files[f"{name}.nii.gz"]) for name in ("after", "truth", "image"))
    assert np.array_equal(after.dataobj, AFTER[4:26])
    assert np.array_equal(truth.dataobj, TRUTH[4:26])
    expected = nib.load(case / "image.nii.gz").slicer[4:26]
    assert np.allclose(image.affine, expected.affine)
    assert np.abs(image.get_fdata() - expected.get_fdata()).max() <= 383 * 2 / 255 / 2 + 1e-3
    assert not {name for name in files if name.startswith("before_tumor")}
    assert len(path.read_bytes()) < viewer.LARGEST


def test_without_a_label_there_is_no_truth(case):
    result, path = write(case, label=False)
    assert result.returncode == 0, result.stderr
    files, facts = read_page(path.read_text())
    assert [layer["name"] for layer in facts["layers"]] == ["before", "after"]
    assert "truth.nii.gz" not in files


def test_a_scans_page_says_what_is_measured_and_what_the_filter_left(case):
    """Each voxel is 3 x 0.75 x 0.75 mm. The raw tumor lies partly outside the kidney."""
    raw = put((1, np.s_[13:20, 10:18, 34:46]))
    save(case / "tumor.nii.gz", raw)
    measures = dict.fromkeys(SCAN_MEASURES, 0.0) | {
        "kidney_ml": 7.0,
        "faults": "a fault",
        "warnings": "look | and look",
    }
    write_rows(case / "measures.tsv", [measures])
    result, path = write(case, "--measures", case / "measures.tsv", label=False)
    assert result.returncode == 0, result.stderr
    notes = re.findall("<p[^>]*>(.*?)</p>", path.read_text().partition('class="notes">')[2].partition("</section>")[0])
    kidney, tumor, left, tumor_left = (
        np.count_nonzero(mask) * 3 * 0.75**2 / 1000 for mask in ((TRUTH > 0) | (AFTER > 0), raw, AFTER, AFTER == 2)
    )
    assert len({f"{value:.1f}" for value in (kidney, tumor, left, tumor_left)}) == 4
    assert notes[0] == "Not usable: a fault."
    assert notes[1] == (
        "Measured: kidneys (without tumors) 7 mL, median 0 HU left and 0 HU right; no tumor marked. Before "
        f"post-processing, the kidney network marked {kidney:.0f} mL (kidney and tumor) and the tumor network "
        f"{tumor:.1f} mL; after it, {left:.0f} mL are marked, of which {tumor_left:.1f} mL are tumor."
    )
    assert notes[2].startswith("Check by eye: ")
    assert notes[3:] == ["Warning: look", "Warning: and look"]


def make(path, labels, name="name"):
    layers = [viewer.Layer("after", "After", *encode(labels), visible=True)]
    return viewer.make_page(name, path, read_geometry(path), layers, WINDOW, [], RESOURCES / "viewer.html")


def test_a_page_that_would_be_too_large_is_coarsened(tmp_path, rng, monkeypatch):
    labels = put((1, np.s_[0, 0, 0]), (1, np.s_[-1, -1, -1]), (2, np.s_[15, 20, 25]))
    path = save(tmp_path / "image.nii.gz", rng.integers(-79, 304, SHAPE).astype(np.int16))
    page = make(path, labels)
    assert "Coarsened" not in page
    monkeypatch.setattr(viewer, "LARGEST", len(page) - 20_000)
    page = make(path, labels)
    assert len(page) <= viewer.LARGEST
    assert "Coarsened, since the page would be too large for a browser otherwise: " in page
    files, _ = read_page(page)
    small = np.asarray(load(files["after.nii.gz"]).dataobj)
    assert small.size < labels.size
    assert [(small == label).sum() for label in (1, 2)] == [2, 1]


def test_problems_are_one_line(case, tmp_path, monkeypatch):
    other = save(tmp_path / "other.nii.gz", np.zeros((3, 4, 5), np.uint8))
    result, _ = write(case, "--tumor", other)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        f"error: {other} has shape (3, 4, 5), but {case}/image.nii.gz has (30, 40, 50); copy or export it again"
    ]
    template = tmp_path / "template.html"
    problems = {"{{ name }}{{ part }}": "'part' is undefined", "{% if name %}": "Unexpected end of template"}
    for text, what in problems.items():
        template.write_text(text)
        with pytest.raises(UserError, match=f"^{template}: {what}.*; use the template of this repository$"):
            fill(template, name="")
    monkeypatch.setattr(viewer, "NEEDED", ("loadVolumes", "drawAll"))
    with pytest.raises(UserError, match=r"widget.js lacks drawAll; install .*ipyniivue"):
        viewer.read_bundle()
    monkeypatch.setattr(viewer, "BUNDLE", "ipyniivue/static/nothing.js")
    with pytest.raises(UserError, match=r"^NiiVue is missing; install .* ipyniivue"):
        viewer.read_bundle()
