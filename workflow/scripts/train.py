"""Train the kidney or the tumor network on the extracted slices of the training cases."""

import argparse
from dataclasses import asdict, fields
from pathlib import Path

from kits import cli, cohort, compute, models, provenance, samples
from kits.checkpoint import Checkpoint, fingerprint
from kits.training import Settings, train


def main(arguments: argparse.Namespace) -> None:
    target, window, given = arguments.target, arguments.hu_window, vars(arguments)
    settings = Settings(**{name: given[name] for name in asdict(Settings())})
    network = {name: given[name] for name in ("base_channels", "depth", "batch_norm")}
    cases = [case for case, subset in cohort.read_split(arguments.split).items() if subset == "train"]
    chosen = compute.choose(arguments)  # may wait for a GPU; until then there is nothing to save, and a signal ends it
    checkpoint = Checkpoint(arguments.output.with_suffix(".resume.pt"))
    checkpoint.open()
    folders = [arguments.slices / case for case in cases]
    loaded = samples.load(folders, target, chosen, arguments.loading)
    name = f"{target} network"
    place = "memory" if isinstance(loaded, samples.InMemory) else "disk"
    print(f"{name}: {loaded.shape[0]} slices of {len(cases)} cases in {place}, on {chosen.name}", flush=True)

    def report(line: str) -> None:
        print(f"{name}: {line}", flush=True)

    decided = {"target": target, "network": network, "hu_window": window, "training": asdict(settings)}
    checkpoint.fingerprint = fingerprint(decided, chosen, folders)
    trained, record = train(loaded, window, network, settings, chosen, report, checkpoint)
    model = models.Model(trained, target, loaded.shape[2], window)
    models.save(arguments.output, model, network)
    header = decided | {"commit": provenance.commit(), "training_cases": cases}
    cli.write_json(arguments.output.with_suffix(".json"), header | record)
    checkpoint.remove()


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--target", choices=("kidney", "tumor"), required=True, help="what to segment")
    parser.add_argument("--split", type=Path, required=True, help="split.tsv: columns case and subset")
    parser.add_argument("--slices", type=Path, required=True, help="folder of the extracted slices, a folder a case")
    parser.add_argument("--output", type=Path, required=True, help="model, .pt; its record goes beside it, .json")
    parser.add_argument("--hu-window", type=float, nargs=2, default=(-79, 304), help="lowest and highest HU")
    parser.add_argument("--base-channels", type=int, default=64, help="channels of the first level")
    parser.add_argument("--depth", type=int, default=4, help="number of poolings")
    parser.add_argument(
        "--batch-norm", action=argparse.BooleanOptionalAction, default=True, help="normalise after each convolution"
    )
    for setting in fields(Settings):
        kind = {"action": argparse.BooleanOptionalAction} if setting.type is bool else {"type": setting.type}
        parser.add_argument(
            f"--{setting.name.replace('_', '-')}", default=setting.default, help=setting.metadata["help"], **kind
        )
    places = ("auto", "memory", "disk")
    parser.add_argument("--loading", choices=places, default="auto", help="of slices; auto: memory, up to half")
    compute.add_arguments(parser)
    cli.run(main, parser)
