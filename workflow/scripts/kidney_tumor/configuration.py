"""The configuration: its checks, and what follows from it.

This module imports nothing heavy, since the Snakefile imports it.
"""

import difflib
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from kidney_tumor.errors import UserError

# JSON Schema accepts 3.0 as an integer, and YAML's .nan and .inf as numbers, but the scripts do not.
STRICT = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda _, value: isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value),
    }
)
TEXTS = ("root", "models", "folder", "lock", "imaging", "imaging_revision", "labels", "labels_revision")
LABELS = {"kidney": [1], "tumor": [2]}
"""The labels of kidney and tumor in KiTS19, which a method has if the section `compare` names no others."""
ORGANS = {"kidney": ["kidney_left", "kidney_right"], "tumor": []}
"""The names of TotalSegmentator's files, which a method has if it has a file for each organ and names no others."""
SOURCES = {"download", "phantom"}
"""The sections that are read only if `data.source` names them."""
SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"


def read_config(path: Path, defaults: Path) -> dict[str, Any]:
    """Read a user's configuration file, and complete and check it like the workflow.

    Raises:
        UserError: The file is missing, is not YAML, or has mistakes; the message has a line for each mistake.
    """
    try:
        with path.open(encoding="utf-8") as file:
            config = yaml.safe_load(file)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; expected a configuration file such as config/demo.yaml") from error
    except (yaml.YAMLError, ValueError) as error:  # the decoder's error is a ValueError
        raise UserError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} holds no keys; expected a configuration file such as config/demo.yaml")
    fill_defaults(config, defaults)
    parse_texts(config)
    validate(config)
    return config


def fill_defaults(config: dict[str, Any], defaults: Path) -> None:
    """Add the sections and keys that the configuration lacks, in place, from a file with the defaults."""
    for key, value in yaml.safe_load(defaults.read_text()).items():
        if isinstance(value, dict) and isinstance(config.setdefault(key, {}), dict):
            config[key] = value | config[key]
        else:
            config.setdefault(key, value)


def parse_texts(config: dict[str, Any]) -> None:
    """Parse, in place, the values that `snakemake --config key=true section='{key: 3}'` gives as text, except names."""
    for key in set(config) - {"run"}:
        if not isinstance(config[key], dict):
            config[key] = _parse_value(config[key])
    for section in _list_sections(config):
        for key, value in section.items():
            if key not in TEXTS:
                section[key] = _parse_value(value)


def _list_sections(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the sections; in place of `compare`, whose keys are names and whose texts are folders, its mappings."""
    sections = [value for key, value in config.items() if key != "compare"]
    if isinstance(config.get("compare"), dict):
        sections += config["compare"].values()
    return [section for section in sections if isinstance(section, dict)]


def _parse_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _parse_value(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_parse_value(item) for item in value]
    try:
        return yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value


def validate(config: Mapping[str, Any]) -> None:
    """Check the whole configuration against the schema, and for contradictions that a schema cannot express.

    Raises:
        UserError: The message has a line for each unknown key, wrong type or impossible value.
    """
    schema = yaml.safe_load(SCHEMA.read_text())
    errors = extend(Draft202012Validator, type_checker=STRICT)(schema).iter_errors(config)
    problems = [line for error in errors for line in _explain(error)]
    problems = problems or list(_find_contradictions(config))
    if problems:
        raise UserError("\n".join(f"config: {problem}" for problem in problems))


def _explain(error: Any) -> Iterator[str]:
    place = ".".join(str(part) for part in error.absolute_path)
    prefix = f"{place}." if place else ""
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for key in sorted(set(error.instance) - set(known), key=str):
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {prefix}{close[0]}?" if close else f"known keys are {', '.join(known)}"
            yield f"{prefix}{key} is not a known key; {hint}"
    elif error.validator == "required":
        for key in sorted(set(error.validator_value) - set(error.instance)):
            yield f"{prefix}{key} is missing; see config/README.md"
    else:
        described = error.schema.get("description")
        yield f"{place}: {error.message}" + (f"; expected {described}" if described else "")


def _find_contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    for section, key in (
        ("slices", "hu_window"),
        ("postprocess", "percentiles"),
        ("phantom", "slices"),
    ):
        low, high = config[section][key] or (0, 0)
        if low > high or (low == high and key == "hu_window"):
            yield f"{section}.{key}: {low} comes before {high}; write the smaller value first"
    for low, high in config["ablation"]["percentiles"]:
        if low > high:
            yield f"ablation.percentiles: {low} comes before {high}; write the smaller value first"
    for name, entry in config["compare"].items():
        if name == config["run"]:
            yield f"compare.{name} has the name of this run; give it another"
        parts = read_parts(entry if isinstance(entry, dict) else {})
        items = parts["kidney"] + parts["tumor"]
        if both := sorted(set(parts["kidney"]) & set(parts["tumor"]), key=str):
            yield f"compare.{name}: {both[0]} is both kidney and tumor; name each once"
        if not items:
            yield f"compare.{name} has neither kidney nor tumor; name a label or a file of one"
        if len({isinstance(item, str) for item in items}) > 1:
            yield f"compare.{name} mixes labels and names of files; name either labels, as 1, or files, as kidney_left"
    halves = 2 if config["slices"]["tumor_rows"] == "lower_half" else 1
    shortest, poolings = config["slices"]["size"] // halves, config["network"]["depth"]
    if shortest < 2**poolings:
        yield (
            f"network.depth: {poolings} poolings are too many for the {shortest} rows of the tumor network; "
            "lower network.depth or raise slices.size"
        )


def read_parts(entry: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Read what means kidney and tumor in an entry of the section `compare`: labels, or names of files."""
    named = {part: list(entry[part]) for part in LABELS if part in entry}
    has_files = any(isinstance(item, str) for items in named.values() for item in items)
    return (ORGANS if has_files else LABELS) | named


def list_deviations(config: Mapping[str, Any], paper_values: Path) -> list[str]:
    """List the keys, `training.epochs` for example, whose values deviate from the paper's values in a file."""
    return [
        f"{section}.{key}"
        for section, values in yaml.safe_load(paper_values.read_text()).items()
        for key, value in values.items()
        if config[section][key] != value
    ]


def list_changes(config: Mapping[str, Any], defaults: Path) -> dict[str, tuple[Any, Any]]:
    """List the keys whose values differ from those in a file, without the sections that the run does not read.

    Returns:
        For each key, `training.epochs` for example, its value here and in the file.
    """
    unread = SOURCES - {config["data"]["source"]} | {"scans"}
    here, there = (_flatten(values) for values in (config, yaml.safe_load(defaults.read_text())))
    return {
        key: (here[key], value)
        for key, value in there.items()
        if here[key] != value and key.split(".")[0] not in {"run", *unread}
    }


def _flatten(config: Mapping[str, Any]) -> dict[str, Any]:
    """Map the full keys of a configuration, `training.epochs` for example, to their values."""
    values: dict[str, Any] = {}
    for key, value in config.items():
        values |= {f"{key}.{name}": item for name, item in value.items()} if isinstance(value, dict) else {key: value}
    return values


def read_negatives(slices: str | Mapping[str, float]) -> float:
    """Read the share of slices without the target to train on from `training.slices`."""
    return {"positive": 0.0, "all": 1.0}[slices] if isinstance(slices, str) else slices["negatives"]


def make_options(values: Mapping[str, Any]) -> list[str]:
    """Make command-line options from configuration values: `{"batch_size": 8}` gives `["--batch-size", "8"]`.

    A boolean becomes `--key` or `--no-key`, null becomes `--no-key`, and a list becomes several words.
    """
    words: list[str] = []
    for key, value in values.items():
        name = key.replace("_", "-")
        if value is None or value is False:
            words.append(f"--no-{name}")
        elif value is True:
            words.append(f"--{name}")
        elif isinstance(value, (list, tuple)):
            words += [f"--{name}", *map(str, value)]
        else:
            words += [f"--{name}", str(value)]
    return words
