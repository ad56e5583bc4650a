"""The loss that a training lowers (paper, section 2.1.1)."""

import torch
from torch import Tensor
from torch.nn import functional


def compute_loss(logits: Tensor, mask: Tensor, dice_weight: float) -> Tensor:
    """Compute equation 1, (1 - lambda) BCE + lambda DICE, a scalar, with lambda = `dice_weight`.

    DICE is one minus the soft Dice coefficient of the batch as a whole.

    Args:
        logits: The network's output before the sigmoid, of any shape.
        mask: The true mask, 0 or 1, float, of the same shape.
        dice_weight: The share of the Dice loss.
    """
    bce = functional.binary_cross_entropy_with_logits(logits, mask)
    probability = torch.sigmoid(logits)
    dice = 1 - 2 * (probability * mask).sum() / (probability.sum() + mask.sum())
    return (1 - dice_weight) * bce + dice_weight * dice
