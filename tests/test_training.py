"""The network, its loss and its training."""

import argparse
import math

import numpy as np
import pytest
import torch
from conftest import run_script
from torch.utils.flop_counter import FlopCounterMode

from kits import compute, models, samples
from kits.cli import UserError
from kits.nifti import read_label, write_volume
from kits.slices import extract
from kits.training import Settings, loss_function, train
from kits.unet import UNet

CPU = compute.Compute(torch.device("cpu"))


def loss_by_hand(logits, mask, weight):
    """Equation 1 in plain Python, for lists of pixels."""
    probability = [1 / (1 + math.exp(-logit)) for logit in logits]
    bce = -sum(math.log(p if m else 1 - p) for p, m in zip(probability, mask, strict=True)) / len(mask)
    overlap = sum(p * m for p, m in zip(probability, mask, strict=True))
    dice = 1 - 2 * overlap / (sum(probability) + sum(mask))
    return (1 - weight) * bce + weight * dice


@pytest.mark.parametrize("weight", [0, 0.3, 0.5, 1])
def test_loss_by_hand(weight):
    logits, mask = [2.0, -1.0, 0.5, -3.0, 0.0, 1.5], [1, 0, 0, 1, 1, 0]
    given = loss_function(
        torch.tensor(logits).reshape(1, 1, 2, 3), torch.tensor(mask).float().reshape(1, 1, 2, 3), weight
    )
    assert given.item() == pytest.approx(loss_by_hand(logits, mask, weight), rel=1e-6)


def test_loss_of_extreme_logits_is_finite():
    logits = torch.tensor([[-500.0, 500.0]])
    assert loss_function(logits, torch.tensor([[0.0, 1.0]]), 0.5).item() == pytest.approx(0)
    assert loss_function(logits, torch.tensor([[1.0, 0.0]]), 0.5).item() == pytest.approx(0.5 * 500 + 0.5)


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (2, 1, 16, 32), (1, 1, 37, 53), (3, 1, 16, 17)])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_any_size_keeps_its_shape(shape, batch_norm):
    network = UNet(base_channels=2, depth=4, batch_norm=batch_norm)
    assert network(torch.rand(shape)).shape == shape


def test_full_size_is_the_original_u_net():
    """The original's channels, and 96.2 GFLOP for a slice of 256 x 256 pixels, as counted on paper."""
    with torch.device("meta"):
        network = UNet(batch_norm=False)
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 1, 256, 256))
    assert counter.get_total_flops() == pytest.approx(96.2e9, rel=0.001)
    widths = [block[0].out_channels for block in network.encoder]
    assert widths == [64, 128, 256, 512, 1024]
    skip_inputs = [block[0].in_channels for block in network.decoder]
    assert skip_inputs == [1024, 512, 256, 128]
    pairs = [(2 * n * n * 9 + n) + (n * n * 9 + n) + (2 * n * n * 4 + n) for n in (64, 128, 256, 512)]  # decoder, up
    downs = [(a * b * 9 + b) + (b * b * 9 + b) for a, b in zip([1, *widths], widths, strict=False)]
    assert sum(p.numel() for p in network.parameters()) == sum(pairs) + sum(downs) + 64 + 1


def test_initialisation_is_gaussian_with_zero_biases():
    network = UNet(base_channels=16, depth=2)
    network.initialise(torch.Generator().manual_seed(0))
    up = network.up[0].weight  # 64 to 32 channels, 2 x 2, stride 2: each output value has 64 inputs
    assert up.std().item() == pytest.approx(math.sqrt(1 / 64), rel=0.03)
    weight = network.encoder[2][3].weight.detach().flatten()  # 64 to 64 channels, 3 x 3
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.02)
    assert (weight.abs() < weight.std()).float().mean().item() == pytest.approx(0.6827, abs=0.01)  # of a Gaussian
    convolutions = [m for m in network.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.ConvTranspose2d))]
    assert all((m.bias == 0).all() for m in convolutions)


def test_window():
    image = torch.tensor([[[-1000, -79, 112], [113, 304, 3000]]], dtype=torch.int16)
    expected = [[0, 0, 191 / 383], [192 / 383, 1, 1]]
    np.testing.assert_allclose(models.normalise(image, (-79, 304))[0, 0].numpy(), expected, rtol=1e-6)


@pytest.fixture
def stored(tmp_path):
    """A case of 5 slices, 8 x 8: nothing; kidney; tumor in the upper half; tumor in the lower half; both."""
    label = np.zeros((5, 8, 8), np.uint8)
    label[1, 1:7, 2:6] = 1
    label[2, 1, 1] = 2
    label[3, 6, 6] = 2
    label[4, 2:6, 2:6] = 1
    label[4, 5, 5] = 2
    image = np.arange(5, dtype=np.int16)[:, None, None] * np.ones((1, 8, 8), np.int16)
    affine = np.eye(4).tolist()
    write_volume(tmp_path / "imaging.nii.gz", image, affine)
    write_volume(tmp_path / "segmentation.nii.gz", label, affine)
    extract(tmp_path / "imaging.nii.gz", tmp_path / "segmentation.nii.gz", 8, tmp_path / "case_00000")
    return tmp_path / "case_00000", label


def test_kidney_network_sees_whole_positive_slices(stored):
    folder, label = stored
    loaded = samples.load([folder, folder], "kidney", CPU, "memory")
    images, masks = loaded.images, loaded.masks.numpy()
    assert images[:, 0, 0].tolist() == [1, 2, 3, 4] * 2
    np.testing.assert_array_equal(masks[:4], label[1:] > 0)


def test_tumor_network_sees_lower_halves_that_show_tumor(stored):
    folder, label = stored
    loaded = samples.load([folder], "tumor", CPU, "memory")
    images, masks = loaded.images, loaded.masks.numpy()
    assert images.shape == (2, 4, 8)
    assert images[:, 0, 0].tolist() == [3, 4]
    np.testing.assert_array_equal(masks, label[3:, 4:] == 2)


def test_no_positive_slice_is_an_error(tmp_path):
    blank = np.zeros((2, 8, 8), np.uint8)
    for name in ("imaging", "segmentation"):
        write_volume(tmp_path / f"{name}.nii.gz", blank, np.eye(4).tolist())
    extract(tmp_path / "imaging.nii.gz", tmp_path / "segmentation.nii.gz", 8, tmp_path / "slices")
    with pytest.raises(UserError, match="no training case shows any tumor"):
        samples.load([tmp_path / "slices"], "tumor", CPU, "auto")


def squares(rng, count=24, size=16):
    """Slices with a bright square on noise, and its mask."""
    images = rng.normal(0, 30, (count, size, size)).astype(np.int16)
    masks = np.zeros((count, size, size), np.uint8)
    for image, mask in zip(images, masks, strict=True):
        y, x = rng.integers(0, size - 6, 2)
        mask[y : y + 6, x : x + 6] = 1
        image += 200 * mask.astype(np.int16)
    return images, masks


def slices_of(images, masks):
    return samples.InMemory(torch.from_numpy(images), torch.from_numpy(masks))


def chosen(*options):
    """What scripts compute with, given these options."""
    parser = argparse.ArgumentParser()
    compute.add_arguments(parser)
    return compute.choose(parser.parse_args(["--device", "cpu", "--threads", "1", *options]))


SMALL = {"base_channels": 4, "depth": 2}


def fitted(images, masks, **changes):
    settings = Settings(**{"epochs": 12, "batch_size": 4, "learning_rate": 0.01, "seed": 5, **changes})
    return train(slices_of(images, masks), (-79, 304), SMALL, settings, chosen(), lambda line: None)


def test_training_learns(rng, tmp_path):
    images, masks = squares(rng)
    network, record = fitted(images, masks, epochs=30)
    losses = [epoch["loss"] for epoch in record["history"]]
    assert losses[-1] < 0.2 * losses[0]
    model = models.Model(network.eval(), "kidney", 16, (-79, 304))
    models.save(tmp_path / "kidney.pt", model, SMALL)
    loaded = models.load(tmp_path / "kidney.pt", "kidney", CPU)
    unseen, truth = squares(np.random.default_rng(99))
    (predicted,) = models.predict([loaded], unseen, CPU, batch_size=5, threshold=0.5)
    assert 2 * (predicted & truth).sum() / (predicted.sum() + truth.sum()) > 0.9
    np.testing.assert_array_equal(predicted, models.predict([loaded], unseen, CPU, 24, 0.5)[0])


def test_same_seed_same_weights(rng):
    images, masks = squares(rng, 8)
    states = [fitted(images, masks, epochs=2, seed=seed)[0].state_dict() for seed in (1, 1, 2)]
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(states[0].values(), states[2].values(), strict=True))


@pytest.mark.parametrize("target", ["kidney", "tumor"])
def test_training_from_disk_is_training_from_memory(tmp_path, rng, target):
    """Bit for bit; `auto` reads from disk where memory does not suffice."""
    folders = []
    for number in range(3):
        images, masks = squares(rng, 9)
        masks[number] = 0
        affine = np.eye(4).tolist()
        write_volume(tmp_path / "i.nii.gz", images, affine)
        write_volume(tmp_path / "l.nii.gz", masks * 2, affine)
        folders.append(tmp_path / f"case_0000{number}")
        extract(tmp_path / "i.nii.gz", tmp_path / "l.nii.gz", 16, folders[-1])
    roomy, full = chosen(), chosen()
    object.__setattr__(full, "free_memory", lambda: 1000)
    loaded = [samples.load(folders, target, *how) for how in ((roomy, "auto"), (full, "auto"), (roomy, "disk"))]
    assert [type(each) for each in loaded] == [samples.InMemory, samples.OnDisk, samples.OnDisk]
    assert isinstance(samples.load(folders, target, full, "memory"), samples.InMemory)
    assert loaded[0].shape == loaded[1].shape
    settings = Settings(epochs=2, batch_size=4)
    runs = [train(each, (-79, 304), SMALL, settings, roomy, lambda line: None) for each in loaded]
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
        samples.load([folder], "kidney", CPU, loading)


def test_slices_of_two_sizes_are_refused(tmp_path):
    ones = np.ones((2, 20, 20), np.uint8)
    write_volume(tmp_path / "v.nii.gz", ones, np.eye(4).tolist())
    for size in (8, 16):
        extract(tmp_path / "v.nii.gz", tmp_path / "v.nii.gz", size, tmp_path / str(size))
    with pytest.raises(UserError, match=r"16 is damaged .its slices differ in size from those in .*8"):
        samples.load([tmp_path / "8", tmp_path / "16"], "kidney", CPU, "auto")


@pytest.mark.parametrize(
    "options",
    [["--precision", "bfloat16"], ["--precision", "float16"], ["--deterministic", "false"]],
    ids=["bfloat16", "float16", "fastest"],
)
def test_faster_arithmetic_learns_the_same(rng, options):
    """Weights and loss stay float32; Dice is that of deterministic float32 to 0.005."""
    images, masks = squares(rng)
    unseen, truth = squares(np.random.default_rng(99), 60)
    scores = []
    for how in (chosen(), chosen(*options)):
        settings = Settings(epochs=30, batch_size=4, learning_rate=0.01, seed=5)
        network, _ = train(slices_of(images, masks), (-79, 304), SMALL, settings, how, lambda line: None)
        assert all(weights.dtype == torch.float32 for weights in network.parameters())
        model = models.Model(network.eval(), "kidney", 16, (-79, 304))
        (mask,) = models.predict([model], unseen, how, batch_size=8, threshold=0.5)
        (again,) = models.predict([model], unseen, CPU, batch_size=8, threshold=0.5)
        assert 2 * (mask & again).sum() / (mask.sum() + again.sum()) > 0.995
        scores.append(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    assert abs(scores[0] - scores[1]) < 0.005


def test_both_networks_in_one_pass_are_each_alone(rng):
    images, masks = squares(rng)
    kidney = models.Model(fitted(images, masks, seed=1)[0].eval(), "kidney", 16, (-79, 304))
    tumor = models.Model(fitted(images, masks, seed=2)[0].eval(), "tumor", 16, (0, 200))
    both = models.predict([kidney, tumor], images, CPU, 5, 0.5)
    for model, mask in zip((kidney, tumor), both, strict=True):
        np.testing.assert_array_equal(mask, models.predict([model], images, CPU, 5, 0.5)[0])
    assert both[1].shape == (len(images), 8, 16)


def test_small_gradients_of_float16_are_scaled(rng, monkeypatch):
    """Without a scale they vanish: the loss is divided by so much that its gradients are below float16's range."""
    images, masks = squares(rng, 8)
    whole = loss_function
    monkeypatch.setattr("kits.training.loss_function", lambda *values: whole(*values) * 1e-6)
    settings = Settings(epochs=1, batch_size=8, learning_rate=0.01)
    before = UNet(**SMALL)
    before.initialise(torch.Generator().manual_seed(settings.seed))
    network, _ = train(
        slices_of(images, masks), (-79, 304), SMALL, settings, chosen("--precision", "float16"), lambda line: None
    )
    moved = [not torch.equal(a, b) for a, b in zip(before.parameters(), network.parameters(), strict=True)]
    assert sum(moved) > 0.9 * len(moved)


def test_compile_compiles(rng, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or network)
    fitted(*squares(rng, 4), epochs=1)
    assert not compiled
    fitted(*squares(rng, 4), epochs=1, compile=True)
    assert len(compiled) == 1


@pytest.mark.parametrize(("has_bfloat16", "precision"), [(True, torch.bfloat16), (False, torch.float16)])
def test_what_auto_means_on_a_gpu(monkeypatch, has_bfloat16, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bfloat16)
    try:
        gpu = chosen("--device", "auto")
        exact = chosen("--device", "cuda", "--deterministic", "true", "--precision", "float32")
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        chosen()
    assert gpu == compute.Compute(torch.device("cuda"), precision, deterministic=False)
    assert gpu.layout == torch.channels_last
    assert exact == compute.Compute(torch.device("cuda"), torch.float32, deterministic=True)
    assert chosen() == CPU


def first_losses(images, masks, hu_window=(-79, 304), **changes):
    """Losses of epochs that change nothing: the learning rate is next to none."""
    settings = Settings(**{"epochs": 1, "batch_size": 99, "learning_rate": 1e-30, "seed": 5, **changes})
    network = {"base_channels": 2, "depth": 1, "batch_norm": False}
    record = train(slices_of(images, masks), hu_window, network, settings, CPU, lambda line: None)[1]
    return [epoch["loss"] for epoch in record["history"]]


def test_dice_weight_reaches_the_loss():
    bce, half, dice = (first_losses(*squares(np.random.default_rng(1)), dice_weight=w)[0] for w in (0.0, 0.5, 1.0))
    assert bce != pytest.approx(dice, rel=0.01)
    assert half == pytest.approx((bce + dice) / 2, rel=1e-5)


def test_the_window_reaches_the_network(rng):
    """Below the window everything is 0, biases are 0, and so is every logit: cross entropy is ln 2."""
    images, masks = squares(rng)
    assert first_losses(images, masks, (5000, 6000), dice_weight=0.0) == [pytest.approx(math.log(2))]
    assert first_losses(images, masks, dice_weight=0.0) != [pytest.approx(math.log(2), rel=1e-3)]


def test_slices_are_shuffled_anew_in_each_epoch(rng):
    """The Dice of a batch depends on which slices are together."""
    images, masks = squares(rng)
    masks[::3, :12] = 1
    losses = first_losses(images, masks, dice_weight=1.0, batch_size=2, epochs=4)
    assert len({round(loss, 6) for loss in losses}) == 4


def test_rate_falls_and_training_stops_when_the_loss_does_not(rng):
    images, masks = squares(rng, 8)
    stuck = {"epochs": 30, "min_improvement": 0.99, "scheduler_patience": 1, "early_stopping_patience": 5}
    record = fitted(images, masks, **stuck)[1]
    assert record["epochs_run"] == 6  # the first is an improvement on nothing
    rates = [epoch["learning_rate"] for epoch in record["history"]]
    assert rates == pytest.approx([0.01, 0.01, 0.01, 0.001, 0.001, 0.0001])


def test_a_slow_fall_does_not_count(rng, monkeypatch):
    """Improvement is measured from the last loss that counted, as the scheduler does: 1 % over ten epochs is one."""
    falling = iter(1 - 0.001 * step for step in range(100))
    monkeypatch.setattr("kits.training.loss_function", lambda logits, *_: logits.sum() * 0 + next(falling))
    images, masks = squares(rng, 4)
    settings = {"epochs": 40, "min_improvement": 0.0095, "scheduler_patience": 50, "early_stopping_patience": 12}
    assert fitted(images, masks, batch_size=4, **settings)[1]["epochs_run"] == 40


def test_loss_that_is_not_finite_stops(rng):
    images, masks = squares(rng, 8)
    with pytest.raises(UserError, match=r"loss is nan in epoch \d+; lower training.learning_rate"):
        fitted(images, masks, learning_rate=1e30)


def test_damaged_or_wrong_model_is_refused(rng, tmp_path):
    network, _ = fitted(*squares(rng, 4), epochs=1)
    path = tmp_path / "kidney.pt"
    with pytest.raises(UserError, match=r"kidney.pt is missing"):
        models.load(path, "kidney", CPU)
    models.save(path, models.Model(network, "kidney", 16, (-79, 304)), SMALL)
    with pytest.raises(UserError, match="is a kidney model; expected a tumor model"):
        models.load(path, "tumor", CPU)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match=r"kidney.pt is damaged"):
        models.load(path, "kidney", CPU)


def test_no_gpu_is_said_and_auto_falls_back():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert chosen("--device", "auto") == CPU
    with pytest.raises(UserError, match="no GPU"):
        chosen("--device", "cuda")


def test_the_script_alone(stored, tmp_path):
    folder, _ = stored
    (tmp_path / "all" / "case_00000").parent.mkdir()
    folder.rename(tmp_path / "all" / "case_00000")
    (tmp_path / "split.tsv").write_text("case\tsubset\ncase_00000\ttrain\ncase_00001\ttest\n")
    arguments = ["--split", "split.tsv", "--slices", "all", "--base-channels", "2", "--depth", "1", "--epochs", "2"]
    arguments += ["--hu-window", "-100", "200", "--no-batch-norm"]
    result = run_script("train", "--target", "kidney", "--output", "kidney.pt", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for word in ("epoch  2/2", "loss", "learning rate", "slices/s", "min left"):
        assert word in result.stdout
    content = torch.load(tmp_path / "kidney.pt", weights_only=True)
    assert content["target"] == "kidney"
    assert content["hu_window"] == [-100, 200]
    assert content["network"] == {"base_channels": 2, "depth": 1, "batch_norm": False}
    record = (tmp_path / "kidney.json").read_text()
    for key in ("epochs_run", "seed", "history", "versions", "torch", "training_slices"):
        assert f'"{key}"' in record
    (tmp_path / "all" / "case_00000" / "labels.npy").write_bytes(b"")
    result = run_script("train", "--target", "kidney", "--output", "again.pt", *arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "again.pt").exists()


def identity_model(path, target, size):
    """A U-Net that passes its input through the skip connection: foreground where the windowed image is above 0.5."""
    network = UNet(base_channels=1, depth=1, batch_norm=False)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    for convolution in (network.encoder[0][0], network.encoder[0][2], network.decoder[0][0], network.decoder[0][2]):
        convolution.weight.data[0, 0, 1, 1] = 1
    network.output.weight.data[:] = 10
    network.output.bias.data[:] = -5
    settings = {"base_channels": 1, "depth": 1, "batch_norm": False}
    models.save(path, models.Model(network, target, size, (0, 100)), settings)


@pytest.mark.parametrize(("threshold", "level"), [(0.5, 50), (0.9, 50 + 10 * math.log(9))])
def test_prediction_puts_every_slice_in_its_place(tmp_path, rng, threshold, level):
    """Through networks that only compare with a level, the masks are the image compared with it; the tumor below."""
    image = rng.integers(-50, 150, (7, 12, 20)).astype(np.int16)
    write_volume(tmp_path / "imaging.nii.gz", image, np.diag([3.0, 2, 2, 1]).tolist())
    write_volume(tmp_path / "segmentation.nii.gz", np.zeros((7, 12, 20), np.uint8), np.eye(4).tolist())
    for case in ("case_00003", "case_00007"):
        folder = tmp_path / "slices" / case
        stored_slices = extract(tmp_path / "imaging.nii.gz", tmp_path / "segmentation.nii.gz", 16, folder)
    for target in ("kidney", "tumor"):
        identity_model(tmp_path / f"{target}.pt", target, 16)
    arguments = ["--slices", "slices", "--cases", "case_00003", "case_00007", "--kidney-model", "kidney.pt"]
    outputs = ["--tumor-model", "tumor.pt", "--output", "masks", "--batch-size", 3, "--threshold", threshold]
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
