"""The slices on which networks are trained (paper, section 2.1.1: positive samples only)."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kidney_tumor.data.descriptions import describe_damage
from kidney_tumor.data.slices import crop_to_view, load_stored
from kidney_tumor.errors import UserError
from kidney_tumor.networks.device import Device
from kidney_tumor.volumes.labels import TUMOR

MEMORY_SHARE = 0.5
"""The largest share of the device's free memory that slices may take; networks need the rest."""


@dataclass(frozen=True)
class MemoryDataset:
    """All slices on the device: images, shape (n, H, W), int16 HU, and masks, same shape, uint8, 0 or 1."""

    images: Tensor
    masks: Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of slices, and their height and width in pixels: (n, H, W)."""
        count, height, width = self.images.shape
        return count, height, width

    def load_batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the slices in `order`, shape (n,), in batches of `size`: images (batch, H, W), int16 HU, and masks."""
        for index in torch.split(order.to(self.images.device), size):
            yield self.images[index], self.masks[index]


@dataclass(frozen=True)
class DiskDataset:
    """Slices on disk, which are read one batch ahead of the network.

    Attributes:
        target: The network's target, `kidney` or `tumor`.
        folders: The folders of the extracted slices.
        members: The number of each slice's folder and of the slice there, shape (n, 2).
        height: The height of a slice in pixels.
        width: The width of a slice in pixels.
        device: The device that receives the batches.
        tumor_rows: The rows that a tumor network sees, `lower_half` or `all`.
    """

    target: str
    folders: Sequence[Path]
    members: np.ndarray
    height: int
    width: int
    device: torch.device
    tumor_rows: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of slices, and their height and width in pixels: (n, H, W)."""
        return len(self.members), self.height, self.width

    def load_batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield what `MemoryDataset` yields; each batch is read while the network works on the one before."""
        with ThreadPoolExecutor(1) as reader:
            pending = (reader.submit(self._read, index.numpy()) for index in torch.split(order.cpu(), size))
            ahead: Future[tuple[Tensor, Tensor]] | None = next(pending)
            while ahead:
                batch, ahead = ahead, next(pending, None)
                images, masks = batch.result()
                yield images.to(self.device, non_blocking=True), masks.to(self.device, non_blocking=True)

    def load_into_memory(self) -> MemoryDataset:
        """Read all slices once and return them as a dataset in memory."""
        images = torch.empty(self.shape, dtype=torch.int16, device=self.device)
        masks = torch.empty(self.shape, dtype=torch.uint8, device=self.device)
        for number, folder in enumerate(self.folders):
            here = np.flatnonzero(self.members[:, 0] == number)
            index = self.members[here, 1]
            span = slice(here[0], here[-1] + 1) if len(here) else slice(0)
            stored = (load_stored(folder, name)[index] for name in ("images.npy", "labels.npy"))
            images[span], masks[span] = self._prepare(*stored)
        return MemoryDataset(images, masks)

    def _read(self, index: np.ndarray) -> tuple[Tensor, Tensor]:
        stored = (
            np.stack([np.load(self.folders[case] / name, mmap_mode="r")[i] for case, i in self.members[index]])
            for name in ("images.npy", "labels.npy")
        )
        images, masks = self._prepare(*stored)
        return (images.pin_memory(), masks.pin_memory()) if self.device.type == "cuda" else (images, masks)

    def _prepare(self, images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        seen = crop_to_view(images, self.target, self.tumor_rows)
        return torch.from_numpy(seen), torch.from_numpy(make_masks(labels, self.target, self.tumor_rows))


Dataset = MemoryDataset | DiskDataset


def make_masks(labels: np.ndarray, target: str, tumor_rows: str) -> np.ndarray:
    """Make the masks, uint8, 0 or 1, that the target's network should find in slices with these labels."""
    labels = crop_to_view(labels, target, tumor_rows)
    return (labels == TUMOR if target == "tumor" else labels > 0).astype(np.uint8)


def load_dataset(
    folders: Sequence[Path], target: str, device: Device, loading: str, *, tumor_rows: str, negatives: float, seed: int
) -> Dataset:
    """Load the slices that show the target, cropped to what its network sees.

    Args:
        folders: The folders of the training cases' extracted slices.
        target: `kidney` (kidney or tumor, whole slice) or `tumor` (tumor, in the rows that the network sees).
        device: The device that receives the slices.
        loading: `memory`, `disk`, or `auto`, which is memory if the slices fit there.
        tumor_rows: The rows that a tumor network sees, `lower_half` or `all`.
        negatives: The share of the slices without the target that are loaded too, drawn at random.
        seed: The seed of this draw.

    Raises:
        UserError: No slice shows the target, a stored slice is damaged, or the cases' slices differ in size.
    """
    members: list[tuple[int, int]] = []
    absent: list[tuple[int, int]] = []
    sizes: dict[tuple[int, ...], Path] = {}
    for number, folder in enumerate(folders):
        masks = make_masks(load_stored(folder, "labels.npy"), target, tumor_rows)
        for index, mask in enumerate(masks):
            (members if mask.any() else absent).append((number, index))
        sizes.setdefault(masks.shape[1:], folder)
    if not members:
        raise UserError(f"no training case shows any {target}; check the labels, or train on more cases")
    if len(sizes) > 1:
        raise describe_damage(list(sizes.values())[1], f"its slices differ in size from those in {folders[0]}")
    ((height, width),) = sizes
    drawn = np.random.default_rng(seed).permutation(len(absent))[: round(negatives * len(absent))]
    members = sorted(members + [absent[number] for number in drawn])
    dataset = DiskDataset(target, folders, np.array(members), height, width, device.torch_device, tumor_rows)
    needed = len(members) * height * width * 3  # bytes of int16 and uint8
    if loading == "disk" or (loading == "auto" and needed > MEMORY_SHARE * device.measure_free_memory()):
        for folder in folders:
            load_stored(folder, "images.npy")  # verify the checksum once, and not with every batch
        return dataset
    return dataset.load_into_memory()
