"""The masks of a case: the truth, and before and after post-processing."""

from pathlib import Path

from kidney_tumor.data.places import check_places
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.masks import Masks, read_label_masks, read_mask


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
