"""The commands that `.venv/bin/kidney` prints and runs, and whether another run stands in their way."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from kidney_tumor import configuration, schema
from kidney_tumor.data.cohort import find_results
from kidney_tumor.errors import UserError
from kidney_tumor.scans.folder import name_scan

CLONE = Path(__file__).resolve().parents[3]
CONFIG_SUFFIXES = (".yaml", ".yml", ".json")
FILTERING = ("ratio_range", "postprocess", "score", "summarize")
"""The rules that filter a finished run again and score it."""
REMEDIES = {
    "--cores": "give it before --",
    "--resources": "give --gpu before --, or all resources after it",
    "--configfile": "name the file before --",
    "--config": "put keys into a file: -- --configfile my.yaml",
}
"""What to do about an option that stands after `--`, although `kidney` gives it, too: Snakemake takes the last only."""
SHORT = {"-c": "--cores", "-j": "--cores", "--jobs": "--cores", "-C": "--config", "--configfiles": "--configfile"}
"""Other names of these options."""


@dataclass(frozen=True)
class Options:
    """What all commands take.

    Attributes:
        cores: The number of cores, or `all`.
        gpu: Whether networks share the GPU one at a time.
        further: What is passed on to Snakemake.
    """

    cores: str = "all"
    gpu: bool = False
    further: Sequence[str] = ()


def call_snakemake(
    options: Options, *first: str, configfile: str = "", settings: Mapping[str, object] | None = None
) -> list[str]:
    """Make the command line of Snakemake: what it takes for a list of files or keys ends before the next option.

    Args:
        options: What the user gave beside.
        first: The targets, and further options after them.
        configfile: A configuration file; empty if there is none.
        settings: Keys of the configuration with their values.

    Raises:
        UserError: An option stands after `--` that the command has, too.
    """
    own = ["--cores", options.cores]
    own += ["--resources", "gpu=1"] if options.gpu else []
    own += ["--configfile", configfile] if configfile else []
    own += ["--config", *(f"{key}={write_value(value)}" for key, value in settings.items())] if settings else []
    for word in options.further:
        name = word.partition("=")[0]
        if (name := SHORT.get(name, name)) in own and name in REMEDIES:
            raise UserError(f"{word} after -- would replace kidney's own {name}; {REMEDIES[name]}")
    return [find_program("snakemake"), *first, *options.further, *name_workflow(), *own]


def name_workflow() -> list[str]:
    """Name the workflow, unless this is its folder."""
    return [] if Path.cwd() == CLONE else ["--snakefile", str(CLONE / "Snakefile")]


def write_value(value: object) -> str:
    """Write a value so that `snakemake --config` reads it again.

    Snakemake takes the quotes off a text and tries whether it is a number. So one that would change is written with
    quotes between spaces.
    """
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    quoted = f" {json.dumps(value, ensure_ascii=False)} "
    try:
        float(value)
        return quoted
    except ValueError:
        pass
    try:
        same = yaml.load(value, yaml.BaseLoader) == value == value.strip("'\"")
    except yaml.YAMLError:
        same = False
    return value if same and value.lower() not in ("true", "false") else quoted


def find_program(name: str) -> str:
    """Find a program beside this Python, as it is called from here."""
    path = Path(sys.executable).with_name(name)
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def call_script(name: str, *words: str) -> list[str]:
    """Make the command line of one of the workflow's scripts."""
    script = CLONE / "workflow" / "scripts" / f"{name}.py"
    place = os.path.relpath(script) if script.is_relative_to(Path.cwd()) else str(script)
    return [find_program("python"), place, *words]


def split_results(output: str) -> dict[str, object]:
    """Split the folder of results into the keys `results` and `run`.

    Raises:
        UserError: It cannot be the folder of a run.
    """
    place = Path(os.path.expanduser(output))
    if (present := next(path for path in (place, *place.parents) if path.exists())) and not present.is_dir():
        raise UserError(f"-o {output}: {present} is a file; name a folder for the results, as -o out")
    folder, name = os.path.split(os.path.normpath(os.path.expanduser(output)))
    if name in ("", os.curdir, os.pardir):
        raise UserError(f"-o {output} has no name of its own; name a folder to make, as -o out")
    return {"results": folder or os.curdir, "run": name}


def segment(
    scans: Sequence[str], output: str, models: str, formats: Sequence[str], options: Options
) -> list[list[str]]:
    """Make the command that segments scans.

    Args:
        scans: Files, folders with a DICOM series, and folders of these.
        output: The folder for the results.
        models: A folder with trained networks; empty for those that come along.
        formats: The further files of each result, as `scans.formats`.
        options: What the user gave beside.

    Raises:
        UserError: A path is missing, or an argument cannot be used.
    """
    for path in [*scans, *filter(None, [models])]:
        if not os.path.exists(path):
            raise UserError(f"{path}: there is no such file or folder; check the path")
    roots = [os.path.normpath(path) for path in scans]
    section: dict[str, object] = {"root": roots[0] if len(roots) == 1 else roots}
    section |= ({"models": models} if models else {}) | ({"formats": list(formats)} if formats else {})
    return [call_snakemake(options, "segment", settings={**split_results(output), "scans": section})]


def parse_labels(words: Sequence[str]) -> dict[str, list[int]]:
    """Parse labels such as `kidney=1,3 tumor=2`, where nothing after = means none.

    Raises:
        UserError: A word is none of these.
    """
    labels: dict[str, list[int]] = {}
    for word in words:
        part, _, numbers = word.partition("=")
        if part not in configuration.LABELS or part in labels or not re.fullmatch(r"(\d+(,\d+)*)?", numbers):
            raise UserError(f"--labels {word} cannot be read; write kidney=1,3 tumor=2")
        labels[part] = [int(number) for number in numbers.split(",") if number]
    return labels


def evaluate(
    truth: str, predictions: Sequence[str], output: str, labels: Sequence[str], options: Options
) -> list[list[str]]:
    """Make the command that scores folders of predictions, each FOLDER or NAME=FOLDER, against a folder of labels.

    Raises:
        UserError: A folder is missing, two have one name, or the labels cannot be read.
    """
    named: dict[str, str] = {}
    for text in predictions:
        name, equals, folder = text.partition("=")
        if not equals or os.path.isdir(text):
            name, folder = name_scan(Path(os.path.abspath(text))), text
        if name in named:
            raise UserError(f"{named[name]} and {folder} are both called {name}; name one: other={folder}")
        named[name] = folder
    for folder in [truth, *named.values()]:
        if not os.path.isdir(folder):
            what = "is a file" if os.path.exists(folder) else "is missing"
            raise UserError(f"{folder} {what}; expected a folder with a volume for each case (docs/how-to/evaluate.md)")
    section: dict[str, object] = {"truth": truth, "predictions": named}
    section |= {"labels": parse_labels(labels)} if labels else {}
    return [call_snakemake(options, "evaluate", settings={**split_results(output), "evaluate": section})]


def split_words(words: Sequence[str]) -> tuple[str, list[str]]:
    """Split the words after `run` into a configuration file, empty if none is named, and the targets.

    Raises:
        UserError: There are several files, or there is no such file.
    """
    files = [word for word in words if word.endswith(CONFIG_SUFFIXES)]
    if len(files) > 1:
        raise UserError(f"{' and '.join(files)} are several configuration files; name them by -- --configfile")
    if files and not os.path.isfile(files[0]):
        raise UserError(f"{files[0]}: there is no such file; expected a configuration file such as config/demo.yaml")
    return "".join(files), [word for word in words if word not in files]


def run(words: Sequence[str], options: Options) -> list[list[str]]:
    """Make the command that runs the workflow, or some targets of it, under a configuration file."""
    configfile, targets = split_words(words)
    return [call_snakemake(options, *targets, configfile=configfile)]


def filter_again(words: Sequence[str], options: Options) -> list[list[str]]:
    """Make the command that only filters the raw masks of a finished run again, and scores them.

    Raises:
        UserError: The run has no raw masks yet.
    """
    configfile, targets = split_words(words)
    if targets:
        raise UserError(f"{targets[0]} is no configuration file; expected one that ends in .yaml")
    folder = find_folder(configfile)
    if not any(folder.glob("**/predictions/*/kidney.nii.gz")):
        raise UserError(f"{folder} has no raw masks to filter; `kidney run {configfile}`".rstrip("` ") + "` makes them")
    return [call_snakemake(options, "summarize", "--allowed-rules", *FILTERING, configfile=configfile)]


def report(word: str) -> list[list[str]]:
    """Make the command that writes the report of a run, named by its configuration file or by its name."""
    configfile, _ = split_words([word])
    named = ["--configfile", configfile] if configfile else ["--run", word]
    return [call_script("make_report", *named, *name_workflow())]


def demonstrate(options: Options) -> list[list[str]]:
    """Make the commands that run the demo, which shows its summary, and write its report."""
    configfile = CLONE / "config" / "demo.yaml"
    place = os.path.relpath(configfile) if Path.cwd() == CLONE else str(configfile)
    return [call_snakemake(options, configfile=place), *report("demo")]


def find_folder(configfile: str) -> Path:
    """Find the folder of the results under a configuration file; under the defaults if it is empty.

    Raises:
        UserError: The file cannot be used.
    """
    config = configuration.read_config(Path(configfile)) if configfile else schema.read_defaults()
    return Path(find_results(config))
