"""Train the kidney or the tumor network on the extracted slices of the training cases."""

from dataclasses import asdict
from pathlib import Path

from kidney_tumor import cli, errors, files, provenance
from kidney_tumor.data.targets import NETWORKS
from kidney_tumor.networks import models
from kidney_tumor.networks.checkpoint import Checkpoint, compute_fingerprint
from kidney_tumor.networks.dataset import MemoryDataset, load_dataset
from kidney_tumor.networks.device import choose_device
from kidney_tumor.networks.hardware import DEVICE_KEYS, THREADS
from kidney_tumor.networks.inference import copy_weights
from kidney_tumor.networks.training import Hyperparameters, Task, train
from kidney_tumor.networks.unet import UNet
from kidney_tumor.networks.validation import draw_cases, list_positive, measure_dice
from kidney_tumor.schema import fill_dataclass
from kidney_tumor.sources import digest_code


@cli.run_main(
    "slices.hu_window",
    "slices.tumor_rows",
    "network",
    "training",
    "inference.threshold",
    *DEVICE_KEYS,
    "cases",
    without=["slices"],
)
@cli.take_file("output", "model, .safetensors; its record, .json, lies beside it")
@cli.take_option("target", choices=NETWORKS, required=True, help="network to train; kidney includes the tumor")
@cli.take_file("slices", "extracted slices, a folder per case")
@cli.take_option("threads", type=int, default=THREADS, help="number of CPU threads")
@cli.take_option("keep-state", action="store_true", help="keep <model>.resume.pt of the finished training")
@cli.take_option("negatives", type=float, required=True, help="share of slices without the target to use")
def main(arguments: cli.Arguments) -> None:
    target, window, rows = arguments.target, arguments.hu_window, arguments.tumor_rows
    hyperparameters = fill_dataclass(Hyperparameters, vars(arguments))
    architecture = fill_dataclass(models.Architecture, vars(arguments))
    negatives, seed = hyperparameters.negatives, hyperparameters.seed
    cases, validation_cases = draw_cases(arguments.cases, hyperparameters.validation_cases, seed)
    device = choose_device(arguments)  # may wait for a GPU, during which a signal ends the process
    checkpoint = Checkpoint(arguments.output.with_suffix(".resume.pt"))
    checkpoint.open()
    folders, validation_folders = ([arguments.slices / case for case in drawn] for drawn in (cases, validation_cases))
    dataset = load_dataset(folders, target, device, arguments.loading, tumor_rows=rows, negatives=negatives, seed=seed)
    name, place = f"{target} network", "memory" if isinstance(dataset, MemoryDataset) else "disk"
    print(f"{name}: {dataset.shape[0]} slices of {len(cases)} cases in {place}, on {device.name}", flush=True)
    followed = list_positive(validation_folders, target, rows) if validation_cases else []

    view = models.View(target, dataset.shape[2], window, rows)

    def validate(network: UNet) -> float:
        return measure_dice(network, view, followed, device, hyperparameters.batch_size, arguments.threshold)

    decided = {
        "target": target,
        "network": asdict(architecture),
        "hu_window": window,
        "tumor_rows": rows,
        "training": asdict(hyperparameters),
    }
    if validation_cases:
        decided["threshold"] = arguments.threshold
    code = digest_code(Path(__file__))
    checkpoint.fingerprint = compute_fingerprint(decided, device, folders + validation_folders, code)
    task = Task(dataset, window, architecture, hyperparameters, device, validate if validation_cases else None)
    try:
        network, record = train(task, lambda line: print(f"{name}: {line}", flush=True), checkpoint)
    except errors.UserError as error:
        raise errors.UserError(f"{name}: {error}") from error
    models.save_model(arguments.output, models.Model(copy_weights(network), architecture, view))
    header = decided | {"commit": provenance.read_commit(), "training_cases": cases}
    if validation_cases:
        header["validation_cases"] = validation_cases
    files.write_json(arguments.output.with_suffix(".json"), header | record)
    checkpoint.close(remove=not arguments.keep_state)
