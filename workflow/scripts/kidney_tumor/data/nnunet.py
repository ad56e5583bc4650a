"""A cohort and its splits in nnU-Net v2's raw format, so that nnU-Net is trained and tested on the same cases.

nnU-Net takes a folder for a dataset only if it has a dataset.json, which is therefore removed first and written last.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kidney_tumor.data.places import check_places, write_mask
from kidney_tumor.files import write_atomically, write_json
from kidney_tumor.volumes.labels import BACKGROUND, KIDNEY, TUMOR, read_label
from kidney_tumor.volumes.nifti import read_columns, read_volume, write_volume

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
        The number of volumes that were written anew, since nnU-Net would not take them as they are.

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
        image_target, label_target = (
            folder / "imagesTr" / f"{case}_0000{ENDING}",
            folder / "labelsTr" / f"{case}{ENDING}",
        )
        fits, stored = fits_image(label, image), read_volume(image)
        if stored.is_plain:
            link_file(image, image_target)
        else:
            whole = np.concatenate([block for _, block in read_columns(image)], axis=2)
            write_volume(image_target, whole, stored.geometry.stored_affine)
        if fits:
            link_file(label, label_target)
        else:
            write_mask(label_target, read_label(label), stored.geometry)
        rewritten += (not fits) + (not stored.is_plain)
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
    geometry, stored = check_places(image, label), read_volume(label)
    return (
        np.allclose(geometry.stored_affine, stored.geometry.stored_affine)
        and stored.kind.kind in "iu"
        and stored.slope is None
        and stored.is_plain
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
