"""Train the kidney or the tumor network on the extracted slices of the training cases."""

import kidney_tumor.interrupt  # noqa: F401

from dataclasses import asdict
from pathlib import Path

from kidney_tumor import cli, errors, files, provenance
from kidney_tumor.data.targets import NETWORKS
from kidney_tumor.networks import models
from kidney_tumor.networks.checkpoint import Checkpoint, compute_fingerprint
from kidney_tumor.networks.dataset import MemoryDataset, load_dataset
from kidney_tumor.networks.device import KEYS, THREADS, choose_device
from kidney_tumor.networks.training import Hyperparameters, train
from kidney_tumor.networks.unet import Architecture, UNet
from kidney_tumor.networks.validation import draw_cases, list_positive, measure_dice
from kidney_tumor.schema import fill_dataclass
from kidney_tumor.sources import digest_code


def main(arguments: cli.Arguments) -> None:
    target, window = arguments.target, arguments.hu_window
    hyperparameters = fill_dataclass(Hyperparameters, vars(arguments))
    architecture = fill_dataclass(Architecture, vars(arguments))
    cases, validation_cases = draw_cases(arguments.cases, hyperparameters.validation_cases, hyperparameters.seed)
    device = choose_device(arguments)  # may wait for a GPU, during which a signal ends the process
    checkpoint = Checkpoint(arguments.output.with_suffix(".resume.pt"))
    checkpoint.open()
    folders = [arguments.slices / case for case in cases]
    dataset = load_dataset(
        folders,
        target,
        device,
        arguments.loading,
        tumor_rows=arguments.tumor_rows,
        negatives=hyperparameters.negatives,
        seed=hyperparameters.seed,
    )
    name = f"{target} network"
    place = "memory" if isinstance(dataset, MemoryDataset) else "disk"
    print(f"{name}: {dataset.shape[0]} slices of {len(cases)} cases in {place}, on {device.name}", flush=True)

    def report(line: str) -> None:
        print(f"{name}: {line}", flush=True)

    validation_folders = [arguments.slices / case for case in validation_cases]
    followed = list_positive(validation_folders, target, arguments.tumor_rows) if validation_folders else []

    def validate(network: UNet) -> float:
        model = models.Model(network, target, dataset.shape[2], window, arguments.tumor_rows)
        return measure_dice(model, followed, device, hyperparameters.batch_size, arguments.threshold)

    decided = {
        "target": target,
        "network": asdict(architecture),
        "hu_window": window,
        "tumor_rows": arguments.tumor_rows,
        "training": asdict(hyperparameters),
    }
    if validation_cases:
        decided["threshold"] = arguments.threshold
    code = digest_code(Path(__file__))
    checkpoint.fingerprint = compute_fingerprint(decided, device, folders + validation_folders, code)
    follow = validate if validation_cases else None
    try:
        trained, record = train(dataset, window, architecture, hyperparameters, device, report, checkpoint, follow)
    except errors.UserError as error:
        raise errors.UserError(f"{name}: {error}") from error
    model = models.Model(trained, target, dataset.shape[2], window, arguments.tumor_rows)
    models.save_model(arguments.output, model, architecture)
    header = decided | {"commit": provenance.read_commit(), "training_cases": cases}
    if validation_cases:
        header["validation_cases"] = validation_cases
    files.write_json(arguments.output.with_suffix(".json"), header | record)
    checkpoint.close(remove=not arguments.keep_state)


if __name__ == "__main__":
    keys = ("slices.hu_window", "slices.tumor_rows", "network", "training", "inference.threshold", *KEYS)
    parser = cli.make_parser(__doc__, *keys, without=["slices"], output="model, .pt; its record, .json, lies beside it")
    parser.add_argument("--target", choices=NETWORKS, required=True, help="network to train; kidney includes the tumor")
    cli.add_shared(parser, "cases")
    cli.add_file(parser, "slices", "extracted slices, a folder per case")
    parser.add_argument("--threads", type=int, default=THREADS, help="number of CPU threads")
    parser.add_argument("--keep-state", action="store_true", help="keep <model>.resume.pt of the finished training")
    parser.add_argument("--negatives", type=float, required=True, help="share of slices without the target to use")
    cli.run(main, parser)
