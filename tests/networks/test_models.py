"""Models: their files and their predictions."""

import math
import os
from dataclasses import asdict

import numpy as np
import pytest
import torch
from conftest import AFFINE, run_script
from helpers.toys import CPU, SMALL, fitted, squares

from kidney_tumor.data.slices import extract
from kidney_tumor.errors import UserError
from kidney_tumor.networks import models
from kidney_tumor.networks.unet import Architecture, UNet
from kidney_tumor.volumes.labels import read_label
from kidney_tumor.volumes.nifti import write_volume


def test_window():
    image = torch.tensor([[[-1000, -79, 112], [113, 304, 3000]]], dtype=torch.int16)
    expected = [[0, 0, 191 / 383], [192 / 383, 1, 1]]
    np.testing.assert_allclose(models.normalize(image, (-79, 304))[0, 0].numpy(), expected, rtol=1e-6)


def test_both_networks_in_one_pass_are_each_alone(rng):
    images, masks = squares(rng)
    kidney = models.Model(fitted(images, masks, seed=1)[0].eval(), "kidney", 16, (-79, 304), "lower_half")
    tumor = models.Model(fitted(images, masks, seed=2)[0].eval(), "tumor", 16, (0, 200), "lower_half")
    both = models.predict_probabilities([kidney, tumor], images, CPU, 5)
    for model, found in zip((kidney, tumor), both, strict=True):
        np.testing.assert_array_equal(found, models.predict_probabilities([model], images, CPU, 5)[0])
    assert both[1].shape == (len(images), 8, 16)


def test_damaged_or_wrong_model_is_refused(rng, tmp_path):
    network, _ = fitted(*squares(rng, 4), epochs=1)
    path = tmp_path / "kidney.pt"
    with pytest.raises(UserError, match=r"kidney.pt is missing"):
        models.load_model(path, "kidney", CPU)
    models.save_model(path, models.Model(network, "kidney", 16, (-79, 304), "lower_half"), SMALL)
    with pytest.raises(UserError, match="is a kidney model; expected a tumor model"):
        models.load_model(path, "tumor", CPU)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match=r"kidney.pt is damaged"):
        models.load_model(path, "kidney", CPU)


def test_one_changed_bit_of_the_weights_is_noticed(rng, tmp_path):
    network, _ = fitted(*squares(rng, 4), epochs=1)
    path = tmp_path / "kidney.pt"
    models.save_model(path, models.Model(network, "kidney", 16, (-79, 304), "lower_half"), SMALL)
    content = bytearray(path.read_bytes())
    weights = network.output.weight.detach().numpy().tobytes()
    content[content.index(weights)] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"kidney.pt is damaged"):
        models.load_model(path, "kidney", CPU)


def test_a_model_that_would_run_code_is_not_loaded(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "oops"),)

    torch.save({"state_dict": Evil()}, tmp_path / "kidney.pt")
    with pytest.raises(UserError, match=r"kidney.pt is damaged"):
        models.load_model(tmp_path / "kidney.pt", "kidney", CPU)
    assert not (tmp_path / "oops").exists()


def identity_model(path, target, size):
    """A U-Net that passes its input through the skip connection: foreground where the windowed image is above 0.5."""
    architecture = Architecture(base_channels=1, depth=1, batch_norm=False)
    network = UNet(**asdict(architecture))
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    for convolution in (network.encoder[0][0], network.encoder[0][2], network.decoder[0][0], network.decoder[0][2]):
        convolution.weight.data[0, 0, 1, 1] = 1
    network.output.weight.data[:] = 10
    network.output.bias.data[:] = -5
    models.save_model(path, models.Model(network, target, size, (0, 100), "lower_half"), architecture)


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
        identity_model(tmp_path / f"{target}.pt", target, 16)
    arguments = ["--slices", "slices", "--cases", "case_00003", "case_00007", "--kidney-model", "kidney.pt"]
    outputs = ["--tumor-model", "tumor.pt", "--output", "masks", "--batch-size", 3, "--threshold", threshold]
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
    identity_model(tmp_path / "kidney.pt", "kidney", 32)
    result = run_script("predict", *arguments, *outputs, cwd=tmp_path)
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    assert "kidney.pt was trained on slices of 32 pixels" in result.stderr
