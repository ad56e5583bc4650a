"""The masks of a case: the truth, and before and after post-processing."""

from pathlib import Path

import numpy as np

from kidney_tumor.data.places import check_places
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.labels import KIDNEY, TUMOR
from kidney_tumor.volumes.masks import Masks, RunLengthMask, read_label_masks, read_mask


def read_stages(
    kidney: Path, tumor: Path, segmentation: Path, label: Path | None = None, image: Path | None = None
) -> tuple[dict[str, Masks], Geometry]:
    """Read the masks of a case by stage: `truth` if there is a label, `before` and `after` post-processing.

    Returns:
        The masks, and the grid of the image, else of the label, else of the segmentation.

    Raises:
        UserError: A file is not a mask or a label volume, or they differ in shape or place.
    """
    geometry = check_places(*filter(None, (image, label, segmentation)), kidney, tumor)
    truth = {"truth": read_label_masks(label)} if label else {}
    before, after = (read_mask(kidney), read_mask(tumor)), read_label_masks(segmentation)
    return truth | {"before": before, "after": after}, geometry


def merge(kidney: RunLengthMask, tumor: RunLengthMask) -> np.ndarray:
    """Merge two masks of the same shape into a KiTS19 label volume, uint8, in which tumor overwrites kidney."""
    volume = np.zeros(kidney.shape, np.uint8, order="F")
    kidney.paint(volume, KIDNEY)
    tumor.paint(volume, TUMOR)
    return volume
