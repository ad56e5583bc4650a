"""Train nnU-Net v2 on the cases of a run and test it on the run's test cases, with the commands of nnU-Net itself.

The folder is what `snakemake nnunet_dataset` made, results/<run>/nnunet. The last line printed is the folder of the
predictions of the test cases. nnU-Net is installed in an environment of its own (benchmarks/nnunet.txt), whose `bin`
--commands names.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path


def run(commands: str | None, environment: dict[str, str], name: str, *words: object) -> None:
    """Run a command of nnU-Net and print how long it took; end if there is no such command or it fails."""
    if not (program := shutil.which(name, path=commands)):
        sys.exit(f"error: {name} is not in {commands or 'PATH'}; install benchmarks/nnunet.txt and name its bin folder")
    start = time.perf_counter()
    if subprocess.run([program, *map(str, words)], env=environment).returncode:
        sys.exit(f"error: {name} failed; its own messages are above")
    print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


def main(arguments: argparse.Namespace) -> None:
    folder = arguments.folder.resolve()
    datasets = sorted(folder.glob("nnUNet_raw/Dataset*/dataset.json"))
    if len(datasets) != 1:
        sys.exit(f"error: expected one dataset in {folder}/nnUNet_raw; make it with `snakemake nnunet_dataset`")
    dataset = datasets[0].parent.name
    number = int(dataset[len("Dataset") :].partition("_")[0])
    places = {name: str(folder / name) for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
    counts = dict.fromkeys(("nnUNet_n_proc_DA", "nnUNet_def_n_proc"), str(arguments.processes))
    environment = os.environ | places | counts
    processes = ("-np", arguments.processes, "-npfp", arguments.processes)
    planned = ("-d", number, "--verify_dataset_integrity", "-c", arguments.configuration, *processes)
    run(arguments.commands, environment, "nnUNetv2_plan_and_preprocess", *planned)
    trained = (number, arguments.configuration, arguments.fold, "-tr", arguments.trainer, "-device", arguments.device)
    run(arguments.commands, environment, "nnUNetv2_train", *trained)
    model = f"{arguments.trainer}__nnUNetPlans__{arguments.configuration}"
    predictions = folder / "nnUNet_results" / dataset / model / f"fold_{arguments.fold}" / "validation"
    folds = json.loads((datasets[0].parent / "splits_final.json").read_text())
    expected = folds[arguments.fold]["val"]
    missing = [case for case in expected if not (predictions / f"{case}.nii.gz").is_file()]
    if missing:
        sys.exit(f"error: {predictions} lacks {', '.join(missing)}")
    print(f"{len(expected)} test cases predicted in\n{os.path.relpath(predictions)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="what `snakemake nnunet_dataset` made, results/<run>/nnunet")
    parser.add_argument("--commands", help="folder with nnU-Net's commands; PATH if left out")
    parser.add_argument("--configuration", default="2d", help="2d or 3d_fullres")
    parser.add_argument("--fold", type=int, default=0, help="split of the run, from 0")
    parser.add_argument("--trainer", default="nnUNetTrainer", help="nnUNetTrainer_1epoch for a try, for example")
    parser.add_argument("--device", default="cuda", help="cuda, cpu or mps")
    parser.add_argument("--processes", type=int, default=4, help="processes that preprocess, augment and write")
    main(parser.parse_args())
