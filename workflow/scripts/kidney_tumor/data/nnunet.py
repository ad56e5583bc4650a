"""A cohort and its splits in nnU-Net v2's raw format, so that nnU-Net is trained and tested on the same cases.

nnU-Net takes a folder for a dataset only if it has a dataset.json, which is therefore removed first and written last.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from kidney_tumor.cli import write_atomically, write_json
from kidney_tumor.data.nifti import BACKGROUND, KIDNEY, TUMOR, read_geometry, read_label, write_volume
from kidney_tumor.data.slices import check_grids

ENDING = ".nii.gz"
READER = "NibabelIOWithReorient"
"""nnU-Net's reader that brings volumes stored in any axes to the same ones, and predictions back. Its default one takes
axes as they are stored, and its 2-D slices would lie differently from case to case."""
PARTS = {"train": "train", "val": "test"}
"""The parts of a fold by nnU-Net's names, with the subset of a split that each is."""


def link_cases(root: Path, cases: Sequence[str], folder: Path, description: str) -> int:
    """Make a dataset of nnU-Net from the cases of a cohort, and remove what else lies among its images and labels.

    Args:
        root: The folder of the cohort, whose files stay as they are.
        cases: The names of the cases.
        folder: The folder of the dataset.
        description: What the cases are, for a reader of dataset.json.

    Returns:
        The number of labels that were written anew, since nnU-Net would not take them as they are.

    Raises:
        UserError: A volume cannot be read, or a label does not fit its image.
    """
    (folder / "dataset.json").unlink(missing_ok=True)
    names = {"imagesTr": {f"{case}_0000{ENDING}" for case in cases}, "labelsTr": {f"{case}{ENDING}" for case in cases}}
    for part, wanted in names.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        for path in (folder / part).iterdir():
            if path.name not in wanted:
                path.unlink()
    rewritten = 0
    for case in cases:
        image, label = (root / case / f"{volume}{ENDING}" for volume in ("imaging", "segmentation"))
        link_file(image, folder / "imagesTr" / f"{case}_0000{ENDING}")
        target = folder / "labelsTr" / f"{case}{ENDING}"
        if fits_image(label, image):
            link_file(label, target)
        else:
            write_volume(target, read_label(label), read_geometry(image).stored_affine)
            rewritten += 1
    write_json(folder / "dataset.json", describe_dataset(len(cases), description))
    return rewritten


def describe_dataset(cases: int, description: str) -> dict[str, Any]:
    """Describe a dataset of some cases as nnU-Net's dataset.json does; CT has a normalization of its own there."""
    return {
        "channel_names": {"0": "CT"},
        "labels": {"background": BACKGROUND, "kidney": KIDNEY, "tumor": TUMOR},
        "numTraining": cases,
        "file_ending": ENDING,
        "overwrite_image_reader_writer": READER,
        "description": description,
    }


def fits_image(label: Path, image: Path) -> bool:
    """Return whether nnU-Net takes a label as it is: stored as integers, unscaled, in its image's axes and place.

    Raises:
        UserError: One of the two cannot be read, or they differ in shape.
    """
    geometry, label_geometry = read_geometry(image), read_geometry(label)
    check_grids(image, geometry, label, label_geometry)
    stored = nib.load(label)
    return (
        np.allclose(geometry.stored_affine, label_geometry.stored_affine)
        and np.allclose(stored.header.get_zooms(), nib.load(image).header.get_zooms())
        and stored.get_data_dtype().kind in "iu"
        and (stored.dataobj.slope, stored.dataobj.inter) == (1, 0)
    )


def link_file(source: Path, target: Path) -> None:
    """Give a file a second name, by a hard link, else by a symbolic link, else by a copy; keep a name that it has.

    A hard link is the file itself, wherever dataset or cohort is moved on its file system, and in a container that sees
    the results only. A symbolic link, which may lead to another file system, has the file's absolute path.
    """
    source = source.resolve()
    if target.exists() and target.samefile(source):
        return
    with write_atomically(target) as temporary:
        temporary.unlink(missing_ok=True)
        for attempt in (os.link, os.symlink, shutil.copyfile):
            try:
                attempt(source, temporary)
                break
            except OSError:
                if attempt is shutil.copyfile:
                    raise


def list_folds(splits: Sequence[Mapping[str, str]]) -> list[dict[str, list[str]]]:
    """List the folds of nnU-Net that are some splits, in their order: what is tested there is what nnU-Net validates.

    Args:
        splits: For each split, `train` or `test` for each case.
    """
    return [
        {name: sorted(case for case, part in split.items() if part == subset) for name, subset in PARTS.items()}
        for split in splits
    ]
