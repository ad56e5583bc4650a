"""The validation cases of a training, which the paper does not have."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kidney_tumor.data.cohort import check_validation
from kidney_tumor.data.slices import load_stored
from kidney_tumor.errors import UserError
from kidney_tumor.networks.dataset import make_masks
from kidney_tumor.networks.device import Device
from kidney_tumor.networks.inference import predict_probabilities
from kidney_tumor.networks.models import View
from kidney_tumor.networks.unet import UNet


def draw_cases(cases: Sequence[str], count: int, seed: int) -> tuple[list[str], list[str]]:
    """Draw the validation cases from the training cases.

    Returns:
        The cases that are left for training, and the validation cases, both in the order of `cases`.

    Raises:
        UserError: No case would be left.
    """
    check_validation(count, len(cases))
    drawn = set(np.random.default_rng(seed).permutation(cases)[:count].tolist())
    return [case for case in cases if case not in drawn], [case for case in cases if case in drawn]


def list_positive(folders: Sequence[Path], target: str, tumor_rows: str) -> list[Path]:
    """List the folders of the validation cases that show the target in the rows that its network sees.

    Raises:
        UserError: A stored slice is damaged, or no case shows the target.
    """
    positive = [path for path in folders if make_masks(load_stored(path, "labels.npy"), target, tumor_rows).any()]
    if not positive:
        raise UserError(f"no validation case shows any {target}; raise training.validation_cases")
    return positive


def measure_dice(
    network: UNet, view: View, folders: Sequence[Path], device: Device, batch_size: int, threshold: float
) -> float:
    """Measure the mean Dice of a network over cases, in the pixels that it sees.

    Args:
        network: The network, which must be in evaluation mode.
        view: What it sees of the slices.
        folders: The folders of the cases' extracted slices, each of which shows the target.
        device: The device that holds the network.
        batch_size: The number of slices that are segmented at a time.
        threshold: The probability above which a pixel is foreground, as it will be when cases are segmented.

    Raises:
        UserError: A stored slice is damaged.
    """
    dices = []
    for folder in folders:
        truth = make_masks(load_stored(folder, "labels.npy"), view.target, view.tumor_rows)
        images = load_stored(folder, "images.npy")
        mask = predict_probabilities([(network, view)], images, device, batch_size)[0] > threshold
        dices.append(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    return float(np.mean(dices))
