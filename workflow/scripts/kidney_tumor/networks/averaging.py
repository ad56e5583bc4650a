"""The moving average of a network's weights, which the paper does not have."""

from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from kidney_tumor.networks.unet import UNet


def average_weights(network: UNet, decay: float) -> AveragedModel | None:
    """Begin the exponential moving average of the weights, and of the statistics of the batch normalization.

    Args:
        network: The network.
        decay: The share of the average that stays at each update; 0 for no average.
    """
    if not decay:
        return None
    average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]  # torch gives it no types
    return AveragedModel(network, multi_avg_fn=average, use_buffers=True)
