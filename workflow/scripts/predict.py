"""Segment every slice of some cases with both networks, and write two masks of the input volume's size."""

from itertools import chain

from kidney_tumor import cli, errors
from kidney_tumor.data.places import write_mask
from kidney_tumor.data.restoration import restore, restore_probabilities
from kidney_tumor.data.slices import open_slices
from kidney_tumor.data.targets import NETWORKS
from kidney_tumor.networks import models
from kidney_tumor.networks.engines import average_probabilities, choose_engine
from kidney_tumor.networks.hardware import DEVICE_KEYS, THREADS
from kidney_tumor.scans.folder import parse_name


@cli.run_main("inference", *DEVICE_KEYS, output="folder for <case>/kidney.nii.gz and tumor.nii.gz")
@cli.take_file("slices", "extracted slices, a folder per case")
@cli.take_option("cases", type=parse_name, nargs="+", required=True, help="names of cases or scans")
@cli.take_file("kidney-model", "kidney model, .safetensors; the mean probability of several", nargs="+")
@cli.take_file("tumor-model", "tumor model, .safetensors; the mean probability of several", nargs="+")
@cli.take_option("threads", type=int, default=THREADS, help="number of CPU threads")
def main(arguments: cli.Arguments) -> None:
    if len(arguments.kidney_model) != len(arguments.tumor_model):
        raise errors.UserError(
            f"--kidney-model names {len(arguments.kidney_model)} networks, --tumor-model {len(arguments.tumor_model)}; "
            "give one of each for each training"
        )
    paths = list(zip(arguments.kidney_model, arguments.tumor_model, strict=True))
    members = [[models.load_model(*entry) for entry in zip(pair, NETWORKS, strict=True)] for pair in paths]
    engine = choose_engine(arguments)  # may wait for a GPU
    ensemble = [[engine.load(model) for model in pair] for pair in members]
    for case in arguments.cases:
        stored = open_slices(arguments.slices / case)
        size, grid = stored.images.shape[2], stored.geometry
        for path, model in zip(chain(*paths), chain(*members), strict=True):
            if model.view.size != size:
                raise errors.UserError(
                    f"{path} was trained on slices of {model.view.size} pixels, "
                    f"{arguments.slices / case} holds {size}; extract or train again"
                )
        found = average_probabilities(engine, ensemble, stored.images, arguments.batch_size)
        for target, values in zip(NETWORKS, found, strict=True):
            folder = arguments.output / case
            mask = restore(values, size, grid.shape, arguments.restore, arguments.threshold)
            write_mask(folder / f"{target}.nii.gz", mask, grid)
            probabilities = folder / f"{target}_probability.nii.gz"
            if arguments.probabilities:
                whole = restore_probabilities(values, size, grid.shape, arguments.restore)
                write_mask(probabilities, whole, grid)
            else:
                probabilities.unlink(missing_ok=True)  # of another network
        print(f"{case}: {len(stored.images)} slices, on {engine.name}", flush=True)
