"""The loss, and training with it."""

import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from conftest import run_script
from helpers.toys import CPU, ENGINE, SMALL, Counted, chosen, fitted, hyperparameters, model_of, slices_of, squares

from kidney_tumor.errors import UserError
from kidney_tumor.networks import models
from kidney_tumor.networks.device import Device
from kidney_tumor.networks.inference import normalize, predict_probabilities
from kidney_tumor.networks.loss import compute_loss
from kidney_tumor.networks.training import Task, train
from kidney_tumor.networks.unet import UNet


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
    given = compute_loss(
        torch.tensor(logits).reshape(1, 1, 2, 3), torch.tensor(mask).float().reshape(1, 1, 2, 3), weight
    )
    assert given.item() == pytest.approx(loss_by_hand(logits, mask, weight), rel=1e-6)


def test_loss_of_extreme_logits_is_finite():
    logits = torch.tensor([[-500.0, 500.0]])
    assert compute_loss(logits, torch.tensor([[0.0, 1.0]]), 0.5).item() == pytest.approx(0)
    assert compute_loss(logits, torch.tensor([[1.0, 0.0]]), 0.5).item() == pytest.approx(0.5 * 500 + 0.5)


def test_training_learns(rng, tmp_path):
    images, masks = squares(rng)
    network, record = fitted(images, masks, epochs=30)
    losses = [epoch["loss"] for epoch in record["history"]]
    assert losses[-1] < 0.2 * losses[0]
    path = tmp_path / "kidney.safetensors"
    models.save_model(path, model_of(network, "kidney", 16, (-79, 304), "lower_half"))
    loaded = ENGINE.load(models.load_model(path, "kidney"))
    unseen, truth = squares(np.random.default_rng(99))
    predicted = ENGINE.predict([loaded], unseen, batch_size=5)[0] > 0.5
    assert 2 * (predicted & truth).sum() / (predicted.sum() + truth.sum()) > 0.9
    np.testing.assert_array_equal(predicted, ENGINE.predict([loaded], unseen, 24)[0] > 0.5)


@pytest.mark.parametrize("options", [[], ["--precision", "bfloat16"], ["--deterministic", "false"]], ids=str)
def test_same_seed_same_weights(rng, options):
    """Trainings on the CPU are the same bit for bit, in bfloat16 too, and even if this is not requested."""
    images, masks = squares(rng, 8)
    states = []
    for seed in (1, 1, 2):
        settings, how = hyperparameters(epochs=2, batch_size=4, seed=seed), chosen(*options)
        network, _ = train(Task(slices_of(images, masks), (-79, 304), SMALL, settings, how), lambda line: None)
        states.append(network.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(states[0].values(), states[2].values(), strict=True))


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
        settings = hyperparameters(epochs=30, batch_size=4, learning_rate=0.01, seed=5)
        network, _ = train(Task(slices_of(images, masks), (-79, 304), SMALL, settings, how), lambda line: None)
        assert all(weights.dtype == torch.float32 for weights in network.parameters())
        seeing = network.eval(), models.View("kidney", 16, (-79, 304), "lower_half")
        mask, again = (predict_probabilities([seeing], unseen, device, 8)[0] > 0.5 for device in (how, CPU))
        assert 2 * (mask & again).sum() / (mask.sum() + again.sum()) > 0.995
        scores.append(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    assert abs(scores[0] - scores[1]) < 0.005


def test_training_is_a_plain_loop(rng):
    """Except for rounding, the result is that of a plain training loop with the usual layout and unfused Adam."""
    images, masks = squares(rng, 8)
    _, record = fitted(images, masks, epochs=8, batch_size=8, learning_rate=0.01)
    network = UNet(**asdict(SMALL))
    network.initialize(torch.Generator().manual_seed(5))
    optimizer = torch.optim.Adam(network.parameters(), 0.01, foreach=False)
    losses = []
    for _ in range(8):  # the whole set is a batch, whose order does not matter
        logits = network(normalize(torch.from_numpy(images), (-79, 304)))
        loss = compute_loss(logits, torch.from_numpy(masks).float().unsqueeze(1), 0.5)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert [epoch["loss"] for epoch in record["history"]] == pytest.approx(losses, rel=1e-3)


def following(monkeypatch, losses):
    """Give the epochs of a training, of two batches each, these losses, while its weights change as usual."""
    coming = iter(loss for loss in losses for _ in range(2))

    def loss(logits, *_):
        return logits.mean() - logits.mean().detach() + next(coming)

    monkeypatch.setattr("kidney_tumor.networks.training.compute_loss", loss)


def test_the_best_epochs_weights_are_kept(rng, monkeypatch):
    """The weights are those of a training that ends with the best epoch; of two equal ones, the first."""
    images, masks = squares(rng, 8)
    ended = {}
    for epochs in (2, 4):
        following(monkeypatch, [4, 3, 2, 1])
        ended[epochs], record = fitted(images, masks, epochs=epochs)
        assert (record["best_epoch"], record["best_loss"]) == (epochs, 5 - epochs)
    following(monkeypatch, [3, 1, 2, 1])
    network, record = fitted(images, masks, epochs=4)
    assert (record["best_epoch"], record["best_loss"], record["epochs_run"], record["final_loss"]) == (2, 1, 4, 1)
    state = network.state_dict()
    assert state["encoder.0.1.num_batches_tracked"] == 4
    assert all(torch.equal(value, state[name]) for name, value in ended[2].state_dict().items())
    assert not torch.equal(ended[4].state_dict()["output.bias"], state["output.bias"])


def test_small_gradients_of_float16_are_scaled(rng, monkeypatch):
    """Without loss scaling the gradients vanish: the loss is divided so that they are below float16's range."""
    images, masks = squares(rng, 8)
    whole = compute_loss
    monkeypatch.setattr("kidney_tumor.networks.training.compute_loss", lambda *values: whole(*values) * 1e-6)
    settings = hyperparameters(epochs=1, batch_size=8, learning_rate=0.01)
    before = UNet(**asdict(SMALL))
    before.initialize(torch.Generator().manual_seed(settings.seed))
    how = chosen("--precision", "float16")
    network, _ = train(Task(slices_of(images, masks), (-79, 304), SMALL, settings, how), lambda line: None)
    moved = [not torch.equal(a, b) for a, b in zip(before.parameters(), network.parameters(), strict=True)]
    assert sum(moved) > 0.9 * len(moved)


def test_a_long_epoch_says_how_far_it_is(rng, monkeypatch):
    """Each batch of 4 of 24 slices takes 12 s by a clock that does not wait."""
    said, slices = [], Counted(slices_of(*squares(rng, 24)), lambda number: None)
    monkeypatch.setattr("kidney_tumor.networks.training.time.time", lambda: 12.0 * slices.count)
    train(Task(slices, (-79, 304), SMALL, hyperparameters(epochs=2, batch_size=4), CPU), said.append)
    # After 3 of 6 batches, 36 s; the end, 36 s later, is the epoch's own line.
    assert said[::2] == [f"epoch  {n}/2  50% of its slices  0.333 slices/s  0.6 min left in it" for n in (1, 2)]
    assert [line.split("  loss")[0] for line in said[1::2]] == ["epoch  1/2", "epoch  2/2"]


@pytest.mark.parametrize(("has_bfloat16", "precision"), [(True, torch.bfloat16), (False, torch.float16)])
def test_what_auto_means_on_a_gpu(monkeypatch, has_bfloat16, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bfloat16)
    try:
        gpu = chosen("--device", "auto", "--precision", "auto")
        exact = chosen("--device", "cuda", "--deterministic", "true", "--precision", "float32")
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        chosen()
    assert gpu == Device(torch.device("cuda"), precision, deterministic=False)
    assert exact == Device(torch.device("cuda"), torch.float32, deterministic=True)
    assert chosen("--precision", "auto").torch_device == CPU.torch_device


@pytest.mark.parametrize(
    ("capabilities", "onednn", "precision"),
    [
        ({"avx512_bf16": True}, True, torch.bfloat16),
        ({"avx512_bf16": True}, False, torch.float32),  # limited by ONEDNN_MAX_CPU_ISA
        ({"avx512_f": True, "avx512_bf16": False}, True, torch.float32),  # emulated
        ({"architecture": "aarch64"}, True, torch.float32),
    ],
)
def test_what_auto_means_on_a_cpu(monkeypatch, capabilities, onednn, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: onednn)
    assert chosen("--precision", "auto") == Device(torch.device("cpu"), precision, deterministic=True)


def first_losses(images, masks, hu_window=(-79, 304), **changes):
    """The losses of epochs that change nothing, since the learning rate is almost 0."""
    settings = hyperparameters(**{"epochs": 1, "batch_size": 99, "learning_rate": 1e-30, "seed": 5, **changes})
    network = models.Architecture(base_channels=2, depth=1, batch_norm=False)
    _, record = train(Task(slices_of(images, masks), hu_window, network, settings, CPU), lambda line: None)
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
    monkeypatch.setattr(
        "kidney_tumor.networks.training.compute_loss", lambda logits, *_: logits.sum() * 0 + next(falling)
    )
    images, masks = squares(rng, 4)
    settings = {"epochs": 40, "min_improvement": 0.0095, "scheduler_patience": 50, "early_stopping_patience": 12}
    assert fitted(images, masks, batch_size=4, **settings)[1]["epochs_run"] == 40


def test_loss_that_is_not_finite_stops(rng):
    images, masks = squares(rng, 8)
    with pytest.raises(UserError, match=r"loss is nan in epoch \d+; lower training.learning_rate"):
        fitted(images, masks, learning_rate=1e30)


def test_no_gpu_is_said_and_auto_falls_back():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert chosen("--device", "auto", "--precision", "auto").torch_device == CPU.torch_device
    with pytest.raises(UserError, match="no GPU"):
        chosen("--device", "cuda")


@pytest.mark.slow
def test_the_script_alone(stored, tmp_path):
    folder, _ = stored
    (tmp_path / "all" / "case_00000").parent.mkdir()
    folder.rename(tmp_path / "all" / "case_00000")
    arguments = ["--cases", "case_00000", "--slices", "all", "--base-channels", "2", "--depth", "1", "--epochs", "2"]
    arguments += ["--hu-window", "-100", "200", "--no-batch-norm", "--negatives", "0"]
    result = run_script("train", "--target", "kidney", "--output", "kidney.safetensors", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for word in ("epoch  2/2", "loss", "learning rate", "slices/s", "min left"):
        assert word in result.stdout
    model = models.load_model(tmp_path / "kidney.safetensors", "kidney")
    assert model.view.hu_window == (-100, 200)
    assert model.architecture == models.Architecture(base_channels=2, depth=1, batch_norm=False)
    record = (tmp_path / "kidney.json").read_text()
    for key in ("epochs_run", "seed", "history", "versions", "torch", "training_slices"):
        assert f'"{key}"' in record
    (tmp_path / "all" / "case_00000" / "labels.npy").write_bytes(b"")
    result = run_script("train", "--target", "kidney", "--output", "again.safetensors", *arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "again.safetensors").exists()
