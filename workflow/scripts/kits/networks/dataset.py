"""The slices that networks are trained on (paper, section 2.1.1: positive samples only)."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from kits.cli import UserError
from kits.data.nifti import TUMOR
from kits.data.slices import crop_to_view, describe_damage, load_stored
from kits.networks.device import Device

MEMORY_SHARE = 0.5
"""Slices stay on disk where they would take more of the device's free memory; networks need the rest."""


class Dataset(Protocol):
    """Training slices as `train` reads them."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, H, W)."""

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The slices in `order`, (n,), in batches: images, (batch, H, W) int16 HU, and masks, uint8, 0 or 1."""


@dataclass(frozen=True)
class MemoryDataset:
    """All slices on the device: images, (n, H, W) int16 HU, and masks, same shape, uint8 0 or 1."""

    images: Tensor
    masks: Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        return tuple(self.images.shape)

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        for index in order.to(self.images.device).split(size):
            yield self.images[index], self.masks[index]


@dataclass(frozen=True)
class DiskDataset:
    """Slices that are read when their batch comes, a batch ahead of the network.

    Attributes:
        target: see `load`.
        folders: of the extracted slices.
        members: (n, 2), for each sample the number of its folder and of its slice there.
        height: of a sample, pixels.
        width: of a sample, pixels.
        device: where batches go.
    """

    target: str
    folders: Sequence[Path]
    members: np.ndarray
    height: int
    width: int
    device: torch.device

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.members), self.height, self.width

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        with ThreadPoolExecutor(1) as reader:
            pending = (reader.submit(self._read, index.numpy()) for index in order.cpu().split(size))
            ahead = next(pending)
            while ahead:
                batch, ahead = ahead, next(pending, None)
                yield tuple(part.to(self.device, non_blocking=True) for part in batch.result())

    def load_into_memory(self) -> MemoryDataset:
        """The same dataset, read once."""
        images = torch.empty(self.shape, dtype=torch.int16, device=self.device)
        masks = torch.empty(self.shape, dtype=torch.uint8, device=self.device)
        for number, folder in enumerate(self.folders):
            here = np.flatnonzero(self.members[:, 0] == number)
            index = self.members[here, 1]
            span = slice(here[0], here[-1] + 1) if len(here) else slice(0)
            images[span] = torch.from_numpy(crop_to_view(load_stored(folder, "images.npy"), self.target)[index])
            masks[span] = torch.from_numpy(masks_of(load_stored(folder, "labels.npy"), self.target)[index])
        return MemoryDataset(images, masks)

    def _read(self, index: np.ndarray) -> tuple[Tensor, Tensor]:
        images, labels = (
            np.stack([np.load(self.folders[case] / name, mmap_mode="r")[i] for case, i in self.members[index]])
            for name in ("images.npy", "labels.npy")
        )
        batch = torch.from_numpy(crop_to_view(images, self.target)), torch.from_numpy(masks_of(labels, self.target))
        return tuple(part.pin_memory() if self.device.type == "cuda" else part for part in batch)


def masks_of(labels: np.ndarray, target: str) -> np.ndarray:
    """What the target's network is to find in slices with these labels: uint8, 0 or 1."""
    labels = crop_to_view(labels, target)
    return (labels == TUMOR if target == "tumor" else labels > 0).astype(np.uint8)


def load_dataset(folders: Sequence[Path], target: str, device: Device, loading: str) -> Dataset:
    """The slices that show the target, as its network sees them.

    Args:
        folders: of the training cases' extracted slices.
        target: `kidney` (kidney or tumor, whole slice) or `tumor` (tumor, lower half).
        device: where they go.
        loading: `memory`, `disk`, or `auto`: in memory where they fit.

    Raises:
        UserError: no slice shows the target, a stored slice is damaged, or the cases' slices differ in size.
    """
    members, sizes = [], {}
    for number, folder in enumerate(folders):
        masks = masks_of(load_stored(folder, "labels.npy"), target)
        members += [(number, index) for index in np.flatnonzero(masks.any(axis=(1, 2)))]
        sizes.setdefault(masks.shape[1:], folder)
    if not members:
        raise UserError(f"no training case shows any {target}; check the labels, or train on more cases")
    if len(sizes) > 1:
        raise describe_damage(list(sizes.values())[1], f"its slices differ in size from those in {folders[0]}")
    ((height, width),) = sizes
    dataset = DiskDataset(target, folders, np.array(members), height, width, device.torch_device)
    needed = len(members) * height * width * 3  # int16 and uint8
    if loading == "disk" or (loading == "auto" and needed > MEMORY_SHARE * device.free_memory()):
        for folder in folders:
            load_stored(folder, "images.npy")  # verified once, not with every batch
        return dataset
    return dataset.load_into_memory()
