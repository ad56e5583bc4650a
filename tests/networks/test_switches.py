"""The choices beside the paper's: which rows, slices, changes and cases a training takes."""

import math
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch
from conftest import AFFINE, run_script
from helpers.toys import CPU, ENGINE, SMALL, chosen, fitted, hyperparameters, model_of, slices_of, squares

from kidney_tumor.data.slices import extract
from kidney_tumor.errors import UserError
from kidney_tumor.networks import models
from kidney_tumor.networks.augmentation import augment
from kidney_tumor.networks.checkpoint import Checkpoint
from kidney_tumor.networks.dataset import load_dataset
from kidney_tumor.networks.training import Task, train
from kidney_tumor.networks.unet import UNet
from kidney_tumor.networks.validation import draw_cases, list_positive, measure_dice
from kidney_tumor.volumes.labels import read_label
from kidney_tumor.volumes.nifti import write_volume

WINDOW = (-79, 304)


def loaded_slices(dataset):
    """The number of each slice, which is the value of its pixels, and the masks: from a batch of all."""
    ((images, masks),) = dataset.load_batches(torch.arange(dataset.shape[0]), 100)
    return images[:, 0, 0].tolist(), masks.numpy()


@pytest.mark.parametrize("loading", ["memory", "disk"])
def test_a_tumor_network_may_see_all_rows(stored, loading):
    folder, label = stored
    dataset = load_dataset([folder], "tumor", CPU, loading, tumor_rows="all", negatives=0, seed=0)
    numbers, masks = loaded_slices(dataset)
    assert dataset.shape == (3, 8, 8)
    assert numbers == [2, 3, 4]
    np.testing.assert_array_equal(masks, label[2:] == 2)


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_a_share_of_the_slices_without_the_target(stored, share):
    folder, _ = stored
    dataset = load_dataset([folder] * 2, "tumor", CPU, "memory", tumor_rows="lower_half", negatives=share, seed=3)
    numbers, masks = loaded_slices(dataset)
    assert dataset.shape[0] == 4 + round(share * 6)
    assert masks.any((1, 2)).sum() == 4
    drawn = [number for number in numbers if number < 3]
    assert len(drawn) == round(share * 6)
    again = load_dataset([folder] * 2, "tumor", CPU, "memory", tumor_rows="lower_half", negatives=share, seed=3)
    assert loaded_slices(again)[0] == numbers
    if share == 1:
        assert numbers == [*range(5)] * 2


def test_a_network_that_sees_all_rows_survives_its_file(tmp_path, rng):
    architecture = models.Architecture(base_channels=2, depth=1, batch_norm=True)
    model = model_of(UNet(2, 1, True), "tumor", 16, WINDOW, "all", architecture=architecture)
    models.save_model(tmp_path / "tumor.safetensors", model)
    loaded = ENGINE.load(models.load_model(tmp_path / "tumor.safetensors", "tumor"))
    images = rng.integers(-100, 300, (5, 16, 16)).astype(np.int16)
    (found,) = ENGINE.predict([loaded], images, 4)
    assert found.shape == images.shape


def test_augmentation_moves_a_mask_with_its_image(rng):
    """A bright disc on air stays under its mask, whose place, size and side change; the same seeds, the same change."""
    rows, columns = np.mgrid[:64, :64]
    disc = (np.hypot(rows - 40, columns - 20) < 9).astype(np.float32)
    masks = torch.from_numpy(np.repeat(disc[None, None], 64, 0))
    images = masks * 0.8
    changed, moved = augment(images, masks, (1, 2, 3))
    assert set(moved.unique().tolist()) == {0, 1}
    bright = changed > 0.35
    overlap = 2 * (bright & (moved > 0)).sum((1, 2, 3)) / (bright.sum((1, 2, 3)) + moved.sum((1, 2, 3)))
    assert overlap.min() > 0.9
    centers = (moved[:, 0] * torch.from_numpy(columns)).sum((1, 2)) / moved.sum((1, 2, 3))
    assert 0.25 < (centers > 32).double().mean() < 0.75  # half of them are on the other side
    sizes = moved.sum((1, 2, 3)) / masks[0].sum()
    assert sizes.min() < 0.8 < 1.2 < sizes.max()
    again, _ = augment(images, masks, (1, 2, 3))
    assert torch.equal(changed, again)
    assert not torch.equal(changed, augment(images, masks, (1, 2, 4))[0])


def test_augmentation_leaves_the_random_numbers_of_others_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    augment(torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0)), torch.ones(2, 1, 16, 16), (1,))
    assert torch.equal(torch.rand(3), expected)


def test_the_rate_rises_and_falls_once(rng):
    """With an update an epoch, ten epochs show the whole cycle: up to the rate of the key, then down to nearly 0."""
    images, masks = squares(rng, 4)
    _, record = fitted(images, masks, epochs=10, scheduler="one_cycle", learning_rate=0.01, early_stopping_patience=9)
    rates = [epoch["learning_rate"] for epoch in record["history"]]
    top = rates.index(max(rates))
    assert 0 < top < 5
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[top] == pytest.approx(0.01, rel=0.1)
    assert rates[-1] < 1e-4


class StopsAtThirdBatch(Checkpoint):
    """A checkpoint that asks to stop once, before the third batch that is trained on."""

    asked = 0

    @property
    def stop_asked(self):
        self.asked += 1
        return self.asked == 3

    @stop_asked.setter
    def stop_asked(self, value):
        pass


def test_an_augmented_training_with_validation_goes_on_bitwise(tmp_path, rng):
    images, masks = squares(rng, 8)
    settings = hyperparameters(epochs=3, batch_size=4, augmentation="standard", scheduler="one_cycle")

    def follow(network):
        assert not network.training
        return float(network.output.weight.detach().abs().sum())

    task = Task(slices_of(images, masks), WINDOW, SMALL, settings, chosen(), follow)
    expected, record = train(task)
    checkpoint = StopsAtThirdBatch(tmp_path / "kidney.resume.pt")
    with pytest.raises(UserError, match="stopped in epoch 2"):
        train(task, checkpoint=checkpoint)
    network, resumed = train(task, checkpoint=checkpoint)
    for name, value in expected.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])
    assert [epoch["validation_dice"] for epoch in resumed["history"]] == [
        epoch["validation_dice"] for epoch in record["history"]
    ]
    plain, _ = train(replace(task, hyperparameters=hyperparameters(epochs=3, batch_size=4)))
    assert not torch.equal(plain.output.weight, expected.output.weight)


def test_validation_dice_decides_rate_stop_and_weights(rng):
    """Dice of 0.5, 0.8, then never better, while the loss falls: the weights are those of the second epoch."""
    images, masks = squares(rng, 8)
    dices, weights = iter([0.5, 0.8, 0.7, 0.8, 0.6, 0.5]), []

    def follow(network):
        weights.append(network.output.weight.detach().clone())
        return next(dices)

    settings = hyperparameters(epochs=9, batch_size=4, scheduler_patience=1, early_stopping_patience=3)
    trained, record = train(Task(slices_of(images, masks), WINDOW, SMALL, settings, chosen(), follow))
    assert (record["epochs_run"], record["best_epoch"]) == (5, 2)
    assert torch.equal(trained.output.weight, weights[1])
    assert [epoch["learning_rate"] for epoch in record["history"]] == pytest.approx([1e-3] * 4 + [1e-4])
    losses = [epoch["loss"] for epoch in record["history"]]
    assert min(losses) == losses[-1]


def test_validation_cases_are_not_trained_on():
    cases = [f"case_{number:05d}" for number in range(9)]
    training, validation = draw_cases(cases, 3, seed=1)
    assert sorted(training + validation) == cases
    assert (len(validation), training) == (3, sorted(training))
    assert draw_cases(cases, 3, seed=1) == (training, validation)
    assert draw_cases(cases, 0, seed=1) == (cases, [])
    assert len({tuple(draw_cases(cases, 3, seed)[1]) for seed in range(9)}) > 3
    with pytest.raises(UserError, match="9 of 9 training cases leave none"):
        draw_cases(cases, 9, seed=1)


def test_validation_dice_is_the_mean_over_cases(tmp_path):
    """A network whose probability is the HU in percent: Dice 2/3 in one case, 1 in another; one shows no kidney.

    Below a threshold of 0.3, a pixel of 30 HU beside the label counts, too.
    """

    class Percent(torch.nn.Module):
        def forward(self, image):
            return torch.logit(image, 0.01)

    folders = []
    for number, (bright, labeled) in enumerate([(4, 2), (3, 3), (5, 0)]):
        image, label = np.zeros((2, 8, 8), np.int16), np.zeros((2, 8, 8), np.uint8)
        image[1, 4, :bright], label[1, 4, :labeled] = 100, 1
        image[1, 6, 0] = 30
        for name, volume in (("i", image), ("l", label)):
            write_volume(tmp_path / f"{name}.nii.gz", volume, AFFINE.tolist())
        folders.append(tmp_path / f"case_{number:05d}")
        extract(tmp_path / "i.nii.gz", tmp_path / "l.nii.gz", 8, folders[-1])
    network, view = Percent(), models.View("kidney", 8, (0, 100), "lower_half")
    positive = list_positive(folders, "kidney", "lower_half")
    assert positive == folders[:2]
    assert measure_dice(network, view, positive, CPU, 1, 0.5) == pytest.approx((2 / 3 + 1) / 2)
    assert measure_dice(network, view, positive, CPU, 1, 0.2) == pytest.approx((4 / 7 + 6 / 7) / 2)
    with pytest.raises(UserError, match="no validation case shows any kidney"):
        list_positive(folders[2:], "kidney", "lower_half")


@pytest.mark.slow
def test_an_ensemble_averages_probabilities(tmp_path):
    """Two networks whose output is a constant: probabilities of 0.9 and 0.2 have the mean 0.55."""

    def save_constant(name, target, probability, rows):
        network = UNet(1, 1, False)
        for parameter in network.parameters():
            torch.nn.init.zeros_(parameter)
        network.output.bias.data[:] = math.log(probability / (1 - probability))
        architecture = models.Architecture(base_channels=1, depth=1, batch_norm=False)
        model = model_of(network, target, 8, WINDOW, rows, architecture=architecture)
        models.save_model(tmp_path / name, model)

    for target in ("kidney", "tumor"):
        save_constant(f"first_{target}.safetensors", target, 0.9, "lower_half")
        save_constant(f"second_{target}.safetensors", target, 0.2, "lower_half")
    write_volume(tmp_path / "i.nii.gz", np.zeros((2, 16, 16), np.int16), AFFINE.tolist())
    extract(tmp_path / "i.nii.gz", None, 8, tmp_path / "slices" / "scan")
    arguments = ["--slices", "slices", "--cases", "scan", "--output", "masks", "--precision", "float32"]
    both = [f"--{target}-model" for target in ("kidney", "tumor")]
    first, second = (
        [f"{member}_{target}.safetensors" for target in ("kidney", "tumor")] for member in ("first", "second")
    )
    pairs = [both[0], first[0], second[0], both[1], first[1], second[1]]

    def predicted(*words):
        result = run_script("predict", *arguments, *words, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        return read_label(tmp_path / "masks/scan/kidney.nii.gz")

    assert predicted(*pairs, "--threshold", 0.54, "--probabilities").all()
    kidney, tumor = (
        np.asarray(nib.load(tmp_path / f"masks/scan/{target}_probability.nii.gz").dataobj).astype(int)
        for target in ("kidney", "tumor")
    )
    assert (kidney == round(0.55 * 255)).all()
    assert tumor.shape == (2, 16, 16)
    assert (tumor[:, 9:] == round(0.55 * 255)).all()
    assert not tumor[:, :7].any()  # above the lower half
    assert not predicted(*pairs, "--threshold", 0.56).any()
    assert not list(tmp_path.glob("masks/scan/*_probability.nii.gz"))  # which would be of other masks
    result = run_script("predict", *arguments, both[0], first[0], second[0], both[1], first[1], cwd=tmp_path)
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    save_constant("second_tumor.safetensors", "tumor", 0.2, "all")
    result = run_script("predict", *arguments, *pairs, cwd=tmp_path)
    assert result.returncode == 1
    assert "see different rows" in result.stderr
