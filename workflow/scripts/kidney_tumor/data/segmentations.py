"""The segmentation of a case by any method, read as masks: a label volume, or a mask for each organ."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from kidney_tumor.data.places import check_places
from kidney_tumor.data.targets import NETWORKS, TARGETS
from kidney_tumor.errors import VolumeError
from kidney_tumor.volumes.labels import read_integer_columns
from kidney_tumor.volumes.masks import Masks, RunLengthMask, Shape, read_label_masks, read_mask
from kidney_tumor.volumes.nifti import read_geometry

T = TypeVar("T")

Values = Mapping[str, Sequence[int]] | None
"""The labels that mean `kidney` and `tumor`, of which a list may be empty; all others are background. None stands for
files that hold 0, 1 (kidney) and 2 (tumor) only."""
Organs = Mapping[str, Sequence[Path]] | None
"""The masks of `kidney` and `tumor`; a part that a method does not segment is not in it, one without mask is empty."""


class UnusableError(Exception):
    """A file of a method that cannot be used; the message names it and says why."""


@dataclass(frozen=True)
class Segmentation:
    """A case as a method segments it.

    Attributes:
        files: The label volume, or all masks of organs.
        values: The labels of the label volume.
        organs: The masks of organs, in which everything above 0 is the organ; None for a label volume.
    """

    files: Sequence[Path]
    values: Values = None
    organs: Organs = None

    @property
    def name(self) -> str:
        """The paths of the files, for a table."""
        return ", ".join(map(str, self.files))

    @property
    def targets(self) -> list[str]:
        """The targets that are segmented: kidney + tumor if there is a kidney or its label, tumor if there is one."""
        parts = zip(TARGETS, NETWORKS, strict=True)
        if self.organs is not None:
            return [target for target, part in parts if part in self.organs]
        return [target for target, part in parts if self.values is None or self.values[part]]

    def read(self, reference: Path) -> Masks:
        """Read the masks of kidney + tumor and of tumor.

        Args:
            reference: A volume of the case, in whose grid the files must be.

        Raises:
            UnusableError: A file cannot be read, lies in another grid, or holds what is no label.
        """
        if self.organs is not None:
            shape = _name_problem(lambda: read_geometry(reference).shape)
            kidney, tumor = (
                unite(shape, [_read_in_place(reference, path, read_mask) for path in self.organs.get(part, [])])
                for part in NETWORKS
            )
            return unite(shape, [kidney, tumor]), tumor
        (path,) = self.files
        return _read_in_place(reference, path, lambda path: read_segmentation(path, self.values))


def list_segmentations(options: Mapping[str, Any], name: str) -> list[Segmentation]:
    """List the segmentations that the options of `cli.take_segmentation` give: each label volume, or the organs' masks.

    Args:
        options: The values of all options of a script, by their names.
        name: The name of the option of the label volumes.
    """
    organs = _read_parts(options, f"{name}_{{}}_files")
    if organs:
        return [Segmentation([path for paths in organs.values() for path in paths], None, organs)]
    return [Segmentation([path], read_values(options, name)) for path in options[name]]


def read_values(options: Mapping[str, Any], name: str) -> Values:
    """Read the labels from the options of `cli.take_segmentation`."""
    return _read_parts(options, f"{name}_{{}}_values") or None


def _read_parts(options: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Read what the options of kidney and of tumor give, without those that are not given."""
    return {part: given for part in NETWORKS if (given := options[name.format(part)]) is not None}


def read_segmentation(path: Path, values: Values) -> Masks:
    """Read the masks of kidney + tumor and of tumor from a label volume.

    Args:
        path: The label volume.
        values: Its labels.

    Raises:
        UserError: The file cannot be read, or holds what is no label.
    """
    if values is None:
        return read_label_masks(path)
    shape = read_geometry(path).shape
    tumor = list(values["tumor"])
    kidney_tumor, tumor_alone = (
        RunLengthMask.from_blocks(
            shape, ((span, np.isin(block, chosen)) for span, block in read_integer_columns(path, "labels"))
        )
        for chosen in ([*values["kidney"], *tumor], tumor)
    )
    return kidney_tumor, tumor_alone


def _read_in_place(reference: Path, path: Path, read: Callable[[Path], T]) -> T:
    """Read a file if it lies in the grid of another."""

    def check_and_read() -> T:
        check_places(reference, path)
        return read(path)

    return _name_problem(check_and_read)


def _name_problem(read: Callable[[], T]) -> T:
    """Call a function that reads volumes; name the one that cannot be used, and why."""
    try:
        return read()
    except VolumeError as error:
        hint = (
            "; correct the file, or say what the labels of all files mean: `kidney evaluate ... --labels kidney=1,3 "
            "tumor=2` where 3 is a cyst (evaluate.labels)"
        )
        raise UnusableError(f"{error.path} {error.what}{hint * ('holds labels' in error.what)}") from error
    except PermissionError as error:
        raise UnusableError(f"{error.filename}: {error.strerror}") from error


def unite(shape: Shape, masks: Sequence[RunLengthMask]) -> RunLengthMask:
    """Unite masks of a shape; of none, the union is empty."""
    empty = np.zeros(0, np.int64)
    starts = np.sort(np.concatenate([empty, *(mask.start for mask in masks)]))
    stops = np.sort(np.concatenate([empty, *(mask.stop for mask in masks)]))
    # A run begins where none is open, and ends where all that began have ended; runs that touch become one.
    count = np.arange(len(starts))
    begins = np.searchsorted(stops, starts, side="left") == count
    ends = np.searchsorted(starts, stops, side="right") == count + 1
    return RunLengthMask(shape, starts[begins], stops[ends])
