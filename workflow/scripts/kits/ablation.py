"""What each constraint of the filter does (paper, section 2.2), on the predictions of a run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kits.nifti import TUMOR
from kits.postprocessing import Filtered, postprocess, ratio_range
from kits.runs import Runs, read_label_runs, read_mask_runs
from kits.scoring import TARGETS, dice
from kits.settings import OFF


@dataclass(frozen=True)
class Setting:
    """The filter's constraints, each as in the configuration, or as `OFF` has it.

    Attributes:
        fill_holes: `on` or `off`; with it goes the closing.
        kidney_components: a count, or `off`: all are kept.
        min_component_voxels: of a tumor; 1 is off.
        percentiles: `5-95` for example, or `off`: any shape is accepted.
        tumor_kidney_overlap: a share; 0 is off.
    """

    fill_holes: str
    kidney_components: str
    min_component_voxels: str
    percentiles: str
    tumor_kidney_overlap: str

    def apply(self, kidney: Runs, tumor: Runs, ratios: np.ndarray, *, closing_iterations: int) -> Filtered:
        """Filter a case's raw masks.

        Args:
            kidney: raw kidney + tumor mask.
            tumor: raw tumor mask, same shape.
            ratios: of all labelled tumors.
            closing_iterations: as `postprocess` takes it.

        Raises:
            UserError: as `postprocess` and `ratio_range`.
        """
        anything = self.percentiles == OFF["percentiles"]
        accepted = (
            (-np.inf, np.inf) if anything else ratio_range(ratios, [float(p) for p in self.percentiles.split("-")])
        )
        return postprocess(
            kidney,
            tumor,
            accepted,
            fill=self.fill_holes != OFF["fill_holes"],
            kidney_components=None
            if self.kidney_components == OFF["kidney_components"]
            else int(self.kidney_components),
            min_component_voxels=int(self.min_component_voxels),
            tumor_kidney_overlap=float(self.tumor_kidney_overlap),
            closing_iterations=closing_iterations,
        )


def score_case(
    prediction: Path, label: Path, setting: Setting, ratios: np.ndarray, closing_iterations: int
) -> list[tuple[str, str, float, int]]:
    """Dice of a case under a setting.

    Args:
        prediction: folder with `kidney.nii.gz` and `tumor.nii.gz`, named as the case.
        label: `segmentation.nii.gz`.
        setting: of the filter.
        ratios: of all labelled tumors.
        closing_iterations: as `Setting.apply` takes it.

    Returns:
        Case, target, Dice and predicted voxels, for each target.

    Raises:
        UserError: a file is no mask or label volume, or the masks differ in shape.
    """
    kidney, tumor = (read_mask_runs(prediction / f"{name}.nii.gz") for name in ("kidney", "tumor"))
    segmentation = setting.apply(kidney, tumor, ratios, closing_iterations=closing_iterations).segmentation
    masks = Runs.of(segmentation > 0), Runs.of(segmentation == TUMOR)
    return [
        (prediction.name, target, dice(truth, mask), mask.voxels)
        for target, truth, mask in zip(TARGETS, read_label_runs(label), masks, strict=True)
    ]
