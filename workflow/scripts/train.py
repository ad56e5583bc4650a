"""Train the kidney or the tumor network on the extracted slices of the training cases."""

import argparse
from dataclasses import asdict, fields
from pathlib import Path

from kits import cli, cohort, models, provenance
from kits.training import Settings, load_positive, train


def main(arguments: argparse.Namespace) -> None:
    given = vars(arguments)
    settings = Settings(**{name: given[name] for name in asdict(Settings())})
    network = {name: given[name] for name in ("base_channels", "depth", "batch_norm")}
    cases = [case for case, subset in cohort.read_split(arguments.split).items() if subset == "train"]
    device = models.choose_device(arguments.device, arguments.threads)
    images, masks = load_positive([arguments.slices / case for case in cases], arguments.target)
    name = f"{arguments.target} network"
    print(f"{name}: {len(images)} slices of {len(cases)} cases, on {models.device_name(device)}", flush=True)

    def report(line: str) -> None:
        print(f"{name}: {line}", flush=True)

    trained, record = train(images, masks, arguments.hu_window, network, settings, device, report)
    model = models.Model(trained, arguments.target, images.shape[2], arguments.hu_window)
    models.save(arguments.output, model, network)
    header = {
        "target": arguments.target,
        "network": network,
        "hu_window": arguments.hu_window,
        "training": asdict(settings),
        "commit": provenance.commit(),
    }
    cli.write_json(arguments.output.with_suffix(".json"), header | {"training_cases": cases} | record)


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
        flag, kind = f"--{setting.name.replace('_', '-')}", type(setting.default)
        parser.add_argument(flag, type=kind, default=setting.default, help=setting.metadata["help"])
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to train")
    parser.add_argument("--threads", type=int, default=models.available_threads(), help="CPU threads")
    cli.run(main, parser)
