"""Measure what each choice of the paper costs: train with each switch alone, with several seeds, and score the cases.

Other settings than the switches, in a file, are compared in the same way.

Every network is trained once, by the workflow's own scripts, and kept in the work folder, so that an interrupted
measurement goes on where it stopped.
"""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import measure
import numpy as np
import pandas as pd
import yaml
from scipy import stats

from kidney_tumor import configuration
from kidney_tumor.analysis.ablation import apply_variant
from kidney_tumor.analysis.scoring import score_case
from kidney_tumor.analysis.statistics import estimate_interval
from kidney_tumor.analysis.summary import average_by_case
from kidney_tumor.data import cohort, split
from kidney_tumor.data.slices import extract
from kidney_tumor.data.targets import NETWORKS, TARGETS
from kidney_tumor.filter.constraints import FilterOptions
from kidney_tumor.filter.tumors import measure_tumors
from kidney_tumor.phantom.volumes import write_case
from kidney_tumor.schema import fill_dataclass
from kidney_tumor.sources import digest_code
from kidney_tumor.volumes.masks import read_label_masks, read_mask
from kidney_tumor.volumes.nifti import read_geometry

SWITCHES = {
    "the paper": {},
    "inference.restore: nearest": {"inference": {"restore": "nearest"}},
    "slices.tumor_rows: all": {"slices": {"tumor_rows": "all"}},
    "training.slices: {negatives: 0.25}": {"training": {"slices": {"negatives": 0.25}}},
    "training.augmentation: standard": {"training": {"augmentation": "standard"}},
    "training.validation_cases: a tenth": {"training": {"validation_cases": "a tenth"}},
    "postprocess.percentiles: null": {"postprocess": {"percentiles": None}},
    "postprocess.keep_best: true": {"postprocess": {"keep_best": True}},
    "percentiles: null, keep_best: true": {"postprocess": {"percentiles": None, "keep_best": True}},
}
"""Each switch alone, and what it changes in the configuration."""
PRESET = measure.ROOT / "config" / "beyond.yaml"


def change(config, changes):
    """Return the configuration with some values changed."""
    return config | {
        section: config[section] | values if isinstance(values, dict) else values for section, values in changes.items()
    }


def run_script(name, *words):
    """Run a script of the workflow on one thread."""
    command = [sys.executable, str(measure.SCRIPTS / f"{name}.py"), *map(str, words)]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if result.returncode:
        sys.exit(f"failed: {' '.join(command)}\n{result.stderr}")


def list_training_options(config, target, cases):
    """List the options of a training, as rule train does."""
    training = {key: value for key, value in config["training"].items() if key not in ("loading", "slices")}
    training["negatives"] = configuration.read_negatives(config["training"]["slices"], target)
    if training["validation_cases"] == "a tenth":
        training["validation_cases"] = max(2, round(len(cases) / 10))
    if training["validation_cases"]:
        training["threshold"] = config["inference"]["threshold"]
    slices = {"hu_window": config["slices"]["hu_window"]}
    if target == "tumor":
        slices["tumor_rows"] = config["slices"]["tumor_rows"]
    device = {"device": config["device"], "precision": config["precision"], "threads": 1}
    return ["--target", target, *configuration.make_options(config["network"] | training | slices | device)]


class Experiment:
    """The networks and scores of one configuration, kept in a work folder."""

    def __init__(self, work, root, config):
        self.work, self.root, self.config = work, root, config
        self.cases = cohort.find_cases(root)
        self.splits = split.split_cases(self.cases, **config["split"])
        self.slices = work / f"slices_{config['slices']['size']}"

    def extract(self, case):
        if not (self.slices / case / "slices.json").is_file():
            folder = self.root / case
            size = self.config["slices"]["size"]
            extract(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", size, self.slices / case)

    def name_network(self, changes, number, seed, target):
        """Name the file of a network by everything that decides it, its code too."""
        config = change(change(self.config, changes), {"training": {"seed": seed}})
        cases = [case for case, part in self.splits[number].items() if part == "train"]
        options = list_training_options(config, target, cases)
        code = digest_code(measure.SCRIPTS / "train.py")
        digest = hashlib.sha256(json.dumps([options, cases, code]).encode()).hexdigest()[:16]
        return self.work / "networks" / f"{digest}_{target}.safetensors", [*options, "--cases", *cases]

    def train(self, job):
        path, options = job
        if not path.with_suffix(".json").is_file():
            run_script("train", "--slices", self.slices, "--output", path, *options)
        print(f"trained: {path.name}", flush=True)

    def list_networks(self, settings, seeds):
        """List every network that the settings need, each once."""
        jobs = {}
        for changes in settings.values():
            for seed in seeds:
                for number in range(len(self.splits)):
                    for target in NETWORKS:
                        path, options = self.name_network(changes, number, seed, target)
                        jobs[path] = options
        return list(jobs.items())

    def predict(self, changes, seed, number):
        """Predict the test cases of a split; return the folder of the raw masks."""
        paths = [self.name_network(changes, number, seed, target)[0] for target in NETWORKS]
        config = change(self.config, changes)
        method, precision = config["inference"]["restore"], config["precision"]
        folder = self.work / "predictions" / f"{paths[0].stem}_{paths[1].stem}_{method}_{precision}"
        cases = [case for case, part in self.splits[number].items() if part == "test"]
        if not all((folder / case / "tumor.nii.gz").is_file() for case in cases):
            words = ["--slices", self.slices, "--output", folder, "--restore", method, "--threads", 1]
            words += ["--device", config["device"], "--precision", precision]
            words += ["--kidney-model", paths[0], "--tumor-model", paths[1], "--cases", *cases]
            run_script("predict", *words)
        return folder, cases

    def score(self, job):
        """Score the test cases of a setting, seed and split: the rows that `score_case` returns, of all cases."""
        name, changes, seed, number = job
        config = change(self.config, changes)
        folder, cases = self.predict(changes, seed, number)
        measured = pd.read_csv(self.work / "components.tsv", sep="\t")
        unit = config["postprocess"]["ratio_unit"]
        ratios = measured[f"ratio_{unit}"].to_numpy(float)
        options = fill_dataclass(FilterOptions, config["postprocess"])
        rows = []
        for case in cases:
            before = tuple(read_mask(folder / case / f"{network}.nii.gz") for network in NETWORKS)
            spacing = read_geometry(folder / case / "tumor.nii.gz").spacing
            after = apply_variant(*before, spacing, ratios, unit, options).masks
            truth = read_label_masks(self.root / case / "segmentation.nii.gz")
            rows += score_case(case, truth, before, after)
        print(f"scored: {name}, seed {seed}, split {number + 1}", flush=True)
        return pd.DataFrame(rows).assign(setting=name, seed=seed)


def make_phantoms(root, cases, size, slices, variety, seed):
    """Make the cases of the phantom cohort that are not there yet."""
    folders = [root / cohort.name_case(number) for number in range(cases)]
    with ProcessPoolExecutor() as pool:
        jobs = [
            pool.submit(write_case, folder, size, tuple(slices), variety, seed)
            for folder in folders
            if not (folder / "segmentation.nii.gz").is_file()
        ]
        for job in jobs:
            job.result()


def summarize(scores, reference):
    """Compare each setting with the reference: the mean Dice over cases and seeds, and the paired difference.

    The difference has two intervals: a bootstrap over the cases, for other cases and these networks; and Student's over
    the seeds, for other networks and these cases.
    """
    rows = []
    dices = {name: average_by_case(part) for name, part in scores.groupby("setting", sort=False)}
    trained = {key: average_by_case(part).mean() for key, part in scores.groupby(["setting", "seed"], sort=False)}
    for name, mean in dices.items():
        row = {"setting": name, "n": len(mean)}
        final = scores[(scores["setting"] == name) & (scores["stage"] == "after") & (scores["target"] == "tumor")]
        labeled = final[final["label_voxels"] > 0]
        row["emptied"] = float((labeled["predicted_voxels"] == 0).mean())
        for stage in ("before", "after"):
            for target in TARGETS:
                difference = (mean[stage, target] - dices[reference][stage, target]).dropna().to_numpy()
                low, high = estimate_interval(difference, np.mean, seed=2019)
                values = {"dice": mean[stage, target].mean(), "change": difference.mean(), "low": low, "high": high}
                by_seed = [
                    trained[name, seed][stage, target] - trained[reference, seed][stage, target]
                    for seed in scores["seed"].unique()
                ]
                if len(by_seed) > 1:
                    values["seeds_low"], values["seeds_high"] = stats.ttest_1samp(by_seed, 0).confidence_interval()
                pairs = {"pairs": len(difference)}
                row[f"{stage}_{target}"] = pairs | {key: round(float(value), 4) for key, value in values.items()}
        rows.append(row)
    return rows


def main(arguments):
    config = configuration.read_config(arguments.configfile)
    work, root = arguments.work, arguments.cohort or arguments.work / "cohort"
    if arguments.cohort is None:
        make_phantoms(root, **config["phantom"])
    experiment = Experiment(work, root, config)
    settings = SWITCHES | {"config/beyond.yaml": yaml.safe_load(PRESET.read_text())}
    if arguments.settings:
        settings = yaml.safe_load(arguments.settings.read_text())
    with ProcessPoolExecutor() as pool:
        list(pool.map(experiment.extract, experiment.cases))
        labels = [root / case / "segmentation.nii.gz" for case in experiment.cases]
        tables = pool.map(measure_tumors, labels, [config["postprocess"]["min_component_voxels"]] * len(labels))
        pd.concat(list(tables)).to_csv(work / "components.tsv", sep="\t")
    jobs = experiment.list_networks(settings, arguments.seeds)
    print(f"{len(jobs)} networks for {len(settings)} settings, {len(experiment.splits)} splits", flush=True)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(experiment.train, jobs))
    scored = [
        (name, changes, seed, number)
        for name, changes in settings.items()
        for seed in arguments.seeds
        for number in range(len(experiment.splits))
    ]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        scores = pd.concat(list(pool.map(experiment.score, scored)))
    rows = summarize(scores, next(iter(settings)))
    for row in rows:
        after = (row["after_kidney_tumor"], row["after_tumor"])
        print(f"  {row['setting']:40s}", *(f"{part['dice']:.3f} ({part['change']:+.3f})" for part in after))
    measure.write_result("beyond", arguments, rows, seeds=arguments.seeds, test_cases=int(rows[0]["n"]))


if __name__ == "__main__":
    parser = measure.make_parser(__doc__)
    parser.add_argument(
        "--configfile", type=Path, default=measure.ROOT / "config" / "demo.yaml", help="settings to change"
    )
    parser.add_argument(
        "--settings", type=Path, help="names of settings, and what each changes, .yaml; all switches if left out"
    )
    parser.add_argument("--cohort", type=Path, help="folder with cases; phantoms of the configuration if left out")
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps networks and predictions")
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(2019, 2025)], help="seeds of the trainings")
    parser.add_argument("--jobs", type=int, default=2, help="number of trainings at a time, each on one thread")
    main(parser.parse_args())
