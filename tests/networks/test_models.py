"""Models: their files, and the script that predicts with them."""

import math
import os
from dataclasses import asdict

import numpy as np
import pytest
import torch
from conftest import AFFINE, run_script
from helpers.toys import fitted, model_of, squares
from safetensors.torch import load_file

from kidney_tumor.data.slices import extract
from kidney_tumor.errors import UserError
from kidney_tumor.networks import models
from kidney_tumor.networks.unet import UNet
from kidney_tumor.volumes.labels import read_label
from kidney_tumor.volumes.nifti import write_volume

VIEW = "kidney", 16, (-79, 304), "lower_half"


@pytest.fixture
def saved(rng, tmp_path):
    """A trained network, and the path of its model."""
    network, _ = fitted(*squares(rng, 4), epochs=1)
    models.save_model(tmp_path / "kidney.safetensors", model_of(network, *VIEW))
    return network, tmp_path / "kidney.safetensors"


def test_a_model_is_a_file_for_other_tools(saved):
    """Their own reader finds the weights that PyTorch has, by the same names."""
    network, path = saved
    weights = load_file(path)
    assert weights.keys() == network.state_dict().keys()
    assert all(torch.equal(weights[name], value) for name, value in network.state_dict().items())


def test_the_same_model_has_the_same_file(saved, tmp_path):
    _, path = saved
    models.save_model(tmp_path / "again.safetensors", models.load_model(path, "kidney"))
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_a_missing_or_wrong_model_is_refused(saved, tmp_path):
    with pytest.raises(UserError, match=r"tumor.safetensors is missing"):
        models.load_model(tmp_path / "tumor.safetensors", "tumor")
    with pytest.raises(UserError, match="is a kidney model; expected a tumor model"):
        models.load_model(saved[1], "tumor")


@pytest.mark.parametrize("kept", [0, 4, 100, -500])
def test_a_truncated_model_is_refused(saved, kept):
    path = saved[1]
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"kidney.safetensors is damaged"):
        models.load_model(path, "kidney")


def test_one_changed_bit_anywhere_is_noticed(saved, rng):
    """In the weights, their names and all that says how to use them; spaces between the two are no content."""
    path = saved[1]
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    used = [place for place in range(end) if content[place] != ord(" ")]
    for place in [*rng.choice(used, 300, replace=False), *rng.integers(end, len(content), 100)]:
        changed = bytearray(content)
        changed[place] ^= 1 << rng.integers(7)
        path.write_bytes(changed)
        with pytest.raises(UserError, match=r"kidney.safetensors is damaged"):
            models.load_model(path, "kidney")


def test_a_model_that_would_run_code_is_not_loaded(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "oops"),)

    torch.save({"state_dict": Evil()}, tmp_path / "kidney.safetensors")
    with pytest.raises(UserError, match=r"kidney.safetensors is damaged"):
        models.load_model(tmp_path / "kidney.safetensors", "kidney")
    assert not (tmp_path / "oops").exists()


def identity_model(path, target, size):
    """A U-Net that passes its input through the skip connection: foreground where the windowed image is above 0.5."""
    architecture = models.Architecture(base_channels=1, depth=1, batch_norm=False)
    network = UNet(**asdict(architecture))
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    for convolution in (network.encoder[0][0], network.encoder[0][2], network.decoder[0][0], network.decoder[0][2]):
        convolution.weight.data[0, 0, 1, 1] = 1
    network.output.weight.data[:] = 10
    network.output.bias.data[:] = -5
    models.save_model(path, model_of(network, target, size, (0, 100), "lower_half", architecture=architecture))


@pytest.mark.parametrize(("threshold", "level"), [(0.5, 50), (0.9, 50 + 10 * math.log(9))])
def test_prediction_puts_every_slice_in_its_place(tmp_path, rng, threshold, level):
    """Networks that only compare with a threshold give the image compared with it; the tumor mask is its lower half."""
    image = rng.integers(-50, 150, (7, 12, 20)).astype(np.int16)
    write_volume(tmp_path / "imaging.nii.gz", image, AFFINE.tolist())
    write_volume(tmp_path / "segmentation.nii.gz", np.zeros((7, 12, 20), np.uint8), AFFINE.tolist())
    for case in ("case_00003", "case_00007"):
        folder = tmp_path / "slices" / case
        stored_slices = extract(tmp_path / "imaging.nii.gz", tmp_path / "segmentation.nii.gz", 16, folder)
    for target in ("kidney", "tumor"):
        identity_model(tmp_path / f"{target}.safetensors", target, 16)
    arguments = ["--slices", "slices", "--cases", "case_00003", "case_00007", "--kidney-model", "kidney.safetensors"]
    outputs = ["--tumor-model", "tumor.safetensors", "--output", "masks", "--batch-size", 3, "--threshold", threshold]
    outputs += ["--precision", "float32", "--restore", "nearest"]  # other precisions round near the threshold
    result = run_script("predict", *arguments, *outputs, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows, columns = (np.arange(12) * 2 + 1) * 16 // 24, (np.arange(20) * 2 + 1) * 16 // 40
    expected = (stored_slices.images > level)[:, rows[:, None], columns]
    for case in ("case_00003", "case_00007"):
        np.testing.assert_array_equal(read_label(tmp_path / "masks" / case / "kidney.nii.gz"), expected)
    expected[:, :6] = False
    for case in ("case_00003", "case_00007"):
        np.testing.assert_array_equal(read_label(tmp_path / "masks" / case / "tumor.nii.gz"), expected)
    identity_model(tmp_path / "kidney.safetensors", "kidney", 32)
    result = run_script("predict", *arguments, *outputs, cwd=tmp_path)
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    assert "kidney.safetensors was trained on slices of 32 pixels" in result.stderr
