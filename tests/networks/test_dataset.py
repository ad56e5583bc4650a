"""What each network is trained on."""

import numpy as np
import pytest
import torch
from conftest import AFFINE
from helpers.toys import CPU, SMALL, chosen, hyperparameters, squares

from kidney_tumor.data.slices import extract
from kidney_tumor.errors import UserError
from kidney_tumor.networks.dataset import DiskDataset, MemoryDataset, load_dataset
from kidney_tumor.networks.training import Task, train
from kidney_tumor.volumes.nifti import write_volume

ROWS = {"tumor_rows": "lower_half", "negatives": 0, "seed": 0}


def test_kidney_network_sees_whole_positive_slices(stored):
    folder, label = stored
    loaded = load_dataset([folder, folder], "kidney", CPU, "memory", **ROWS)
    images, masks = loaded.images, loaded.masks.numpy()
    assert images[:, 0, 0].tolist() == [1, 2, 3, 4] * 2
    np.testing.assert_array_equal(masks[:4], label[1:] > 0)


def test_tumor_network_sees_lower_halves_that_show_tumor(stored):
    folder, label = stored
    loaded = load_dataset([folder], "tumor", CPU, "memory", **ROWS)
    images, masks = loaded.images, loaded.masks.numpy()
    assert images.shape == (2, 4, 8)
    assert images[:, 0, 0].tolist() == [3, 4]
    np.testing.assert_array_equal(masks, label[3:, 4:] == 2)


def test_no_positive_slice_is_an_error(tmp_path):
    blank = np.zeros((2, 8, 8), np.uint8)
    for name in ("imaging", "segmentation"):
        write_volume(tmp_path / f"{name}.nii.gz", blank, AFFINE.tolist())
    extract(tmp_path / "imaging.nii.gz", tmp_path / "segmentation.nii.gz", 8, tmp_path / "slices")
    with pytest.raises(UserError, match="no training case shows any tumor"):
        load_dataset([tmp_path / "slices"], "tumor", CPU, "auto", **ROWS)


@pytest.mark.parametrize("target", ["kidney", "tumor"])
def test_training_from_disk_is_training_from_memory(tmp_path, rng, target):
    """Memory and disk give the same weights bit for bit; `auto` reads from disk if memory does not suffice."""
    folders = []
    for number in range(3):
        images, masks = squares(rng, 9)
        masks[number] = 0
        affine = AFFINE.tolist()
        write_volume(tmp_path / "i.nii.gz", images, affine)
        write_volume(tmp_path / "l.nii.gz", masks * 2, affine)
        folders.append(tmp_path / f"case_0000{number}")
        extract(tmp_path / "i.nii.gz", tmp_path / "l.nii.gz", 16, folders[-1])
    roomy, full = chosen(), chosen()
    object.__setattr__(full, "measure_free_memory", lambda: 1000)
    loaded = [load_dataset(folders, target, *how, **ROWS) for how in ((roomy, "auto"), (full, "auto"), (roomy, "disk"))]
    assert [type(each) for each in loaded] == [MemoryDataset, DiskDataset, DiskDataset]
    assert isinstance(load_dataset(folders, target, full, "memory", **ROWS), MemoryDataset)
    assert loaded[0].shape == loaded[1].shape
    settings = hyperparameters(epochs=2, batch_size=4)
    runs = [train(Task(each, (-79, 304), SMALL, settings, roomy), lambda line: None) for each in loaded]
    for network, record in runs[1:]:
        for expected, weights in zip(runs[0][0].state_dict().values(), network.state_dict().values(), strict=True):
            assert torch.equal(expected, weights)
        assert [e["loss"] for e in record["history"]] == [e["loss"] for e in runs[0][1]["history"]]


@pytest.mark.parametrize("loading", ["memory", "disk"])
@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
def test_damaged_training_slices_are_refused(stored, loading, name):
    folder, _ = stored
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} is damaged"):
        load_dataset([folder], "kidney", CPU, loading, **ROWS)


def test_slices_of_two_sizes_are_refused(tmp_path):
    ones = np.ones((2, 20, 20), np.uint8)
    write_volume(tmp_path / "v.nii.gz", ones, AFFINE.tolist())
    for size in (8, 16):
        extract(tmp_path / "v.nii.gz", tmp_path / "v.nii.gz", size, tmp_path / str(size))
    with pytest.raises(UserError, match=r"16 is damaged .its slices differ in size from those in .*8"):
        load_dataset([tmp_path / "8", tmp_path / "16"], "kidney", CPU, "auto", **ROWS)
