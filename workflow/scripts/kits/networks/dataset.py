"""The slices on which networks are trained (paper, section 2.1.1: positive samples only)."""

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
from kits.data.slices import LOWER_HALF, crop_to_view, describe_damage, load_stored
from kits.networks.device import Device
from kits.networks.models import list_neighbors

MEMORY_SHARE = 0.5
"""The largest share of the device's free memory that slices may take; networks need the rest."""


class Dataset(Protocol):
    """The training slices in the form that `train` reads."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of slices, and their height and width in pixels: (n, H, W)."""

    def load_batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the slices in `order`, shape (n,), in batches of `size`.

        A batch is its images, int16 HU, each between its neighbors, shape (batch, 2 * context + 1, H, W), and the
        masks, uint8, 0 or 1, shape (batch, H, W).
        """


@dataclass(frozen=True)
class MemoryDataset:
    """All slices on the device.

    Attributes:
        images: The slices and their neighbors, shape (m, H, W), int16 HU.
        masks: Their masks, same shape, uint8, 0 or 1.
        neighbors: Where each training slice lies among them, between its neighbors, shape (n, 2 * context + 1). None
            if each is a training slice and has no neighbors.
    """

    images: Tensor
    masks: Tensor
    neighbors: Tensor | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        count = len(self.images if self.neighbors is None else self.neighbors)
        return count, self.images.shape[1], self.images.shape[2]

    def load_batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        for index in order.to(self.images.device).split(size):
            near = index[:, None] if self.neighbors is None else self.neighbors[index]
            yield self.images[near], self.masks[near[:, near.shape[1] // 2]]


@dataclass(frozen=True)
class DiskDataset:
    """Slices on disk, which are read one batch ahead of the network.

    Attributes:
        target: The network's target, `kidney` or `tumor`.
        folders: The folders of the extracted slices.
        cases: The number of each slice's folder, shape (n,).
        neighbors: The number there of each slice, between those of its neighbors, shape (n, 2 * context + 1).
        height: The height of a slice in pixels.
        width: The width of a slice in pixels.
        device: The device that receives the batches.
        tumor_rows: The rows that a tumor network sees, `lower_half` or `all`.
    """

    target: str
    folders: Sequence[Path]
    cases: np.ndarray
    neighbors: np.ndarray
    height: int
    width: int
    device: torch.device
    tumor_rows: str = LOWER_HALF

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.cases), self.height, self.width

    def load_batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        with ThreadPoolExecutor(1) as reader:
            pending = (reader.submit(self._read, index.numpy()) for index in order.cpu().split(size))
            ahead = next(pending)
            while ahead:
                batch, ahead = ahead, next(pending, None)
                yield tuple(part.to(self.device, non_blocking=True) for part in batch.result())

    def load_into_memory(self) -> MemoryDataset:
        """Read all slices and their neighbors once and return them as a dataset in memory."""
        slices = self.neighbors.max() + 1
        needed, where = np.unique(self.cases[:, None] * slices + self.neighbors, return_inverse=True)
        cases, numbers = np.divmod(needed, slices)
        shape = len(needed), self.height, self.width
        images = torch.empty(shape, dtype=torch.int16, device=self.device)
        masks = torch.empty(shape, dtype=torch.uint8, device=self.device)
        for case, folder in enumerate(self.folders):
            span = slice(*np.searchsorted(cases, (case, case + 1)))
            images[span] = torch.from_numpy(self._crop(load_stored(folder, "images.npy"))[numbers[span]])
            masks[span] = torch.from_numpy(self._mask(load_stored(folder, "labels.npy"))[numbers[span]])
        return MemoryDataset(images, masks, torch.from_numpy(where.reshape(self.neighbors.shape)).to(self.device))

    def _crop(self, slices: np.ndarray) -> np.ndarray:
        return crop_to_view(slices, self.target, self.tumor_rows)

    def _mask(self, labels: np.ndarray) -> np.ndarray:
        return make_masks(labels, self.target, self.tumor_rows)

    def _read(self, index: np.ndarray) -> tuple[Tensor, Tensor]:
        images, labels = [], []
        for case, near in zip(self.cases[index], self.neighbors[index], strict=True):
            stored = np.load(self.folders[case] / "images.npy", mmap_mode="r")
            images.append(self._crop(stored[near]))
            labels.append(np.load(self.folders[case] / "labels.npy", mmap_mode="r")[near[len(near) // 2]])
        batch = torch.from_numpy(np.stack(images)), torch.from_numpy(self._mask(np.stack(labels)))
        return tuple(part.pin_memory() if self.device.type == "cuda" else part for part in batch)


def make_masks(labels: np.ndarray, target: str, tumor_rows: str = LOWER_HALF) -> np.ndarray:
    """Make the masks, uint8, 0 or 1, that the target's network should find in slices with these labels."""
    labels = crop_to_view(labels, target, tumor_rows)
    return (labels == TUMOR if target == "tumor" else labels > 0).astype(np.uint8)


def load_dataset(
    folders: Sequence[Path],
    target: str,
    device: Device,
    loading: str,
    *,
    tumor_rows: str = LOWER_HALF,
    context: int = 0,
    negatives: float = 0,
    seed: int = 0,
) -> Dataset:
    """Load the slices that show the target, cropped to what its network sees.

    Args:
        folders: The folders of the training cases' extracted slices.
        target: `kidney` (kidney or tumor, whole slice) or `tumor` (tumor, in the rows that the network sees).
        device: The device that receives the slices.
        loading: `memory`, `disk`, or `auto`, which is memory if the slices fit there.
        tumor_rows: The rows that a tumor network sees, `lower_half` or `all`.
        context: The number of neighboring slices on each side that the network sees beside a slice.
        negatives: The share of the slices without the target that are loaded too, drawn at random.
        seed: The seed of this draw.

    Raises:
        UserError: No slice shows the target, a stored slice is damaged, or the cases' slices differ in size.
    """
    shown, sizes = [], {}
    for folder in folders:
        masks = make_masks(load_stored(folder, "labels.npy"), target, tumor_rows)
        shown.append(masks.any(axis=(1, 2)))
        sizes.setdefault(masks.shape[1:], folder)
    positive = np.concatenate(shown)
    if not positive.any():
        raise UserError(f"no training case shows any {target}; check the labels, or train on more cases")
    if len(sizes) > 1:
        raise describe_damage(list(sizes.values())[1], f"its slices differ in size from those in {folders[0]}")
    absent = np.random.default_rng(seed).permutation(np.flatnonzero(~positive))
    chosen = np.sort(np.append(np.flatnonzero(positive), absent[: round(negatives * len(absent))]))
    cases = np.repeat(np.arange(len(folders)), [len(part) for part in shown])[chosen]
    near = [list_neighbors(np.arange(len(part)), len(part), context) for part in shown]
    ((height, width),) = sizes
    dataset = DiskDataset(
        target, folders, cases, np.concatenate(near)[chosen], height, width, device.torch_device, tumor_rows
    )
    stored = min(len(chosen) * (2 * context + 1), len(positive))
    needed = stored * height * width * 3  # bytes of int16 and uint8
    if loading == "disk" or (loading == "auto" and needed > MEMORY_SHARE * device.measure_free_memory()):
        for folder in folders:
            load_stored(folder, "images.npy")  # verify the checksum once, and not with every batch
        return dataset
    return dataset.load_into_memory()
