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
from kidney_tumor.schema import get_value, list_keys, read_defaults, read_schema

# JSON Schema accepts 3.0 as an integer, and YAML's .nan and .inf as numbers, but the scripts do not.
STRICT = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda _, value: isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value),
    }
)
TYPES = {int: "integer", list: "array", dict: "object", type(None): "null"}
"""The types of JSON Schema that a text of the command line may stand for where a key takes texts, too."""
FOLDERS = ("compare", "transfer", "readers")
"""The sections that name folders of other label volumes, each with a target of its own."""
_METHOD = read_schema()["properties"]["compare"]["additionalProperties"]["properties"]
LABELS = {part: _METHOD[part]["default"] for part in ("kidney", "tumor")}
"""The labels of kidney and tumor in KiTS19, which a method has if the section `compare` names no others."""
ORGANS = {"kidney": ["kidney_left", "kidney_right"], "tumor": []}
"""The names of TotalSegmentator's files, which a method has if it has a file for each organ and names no others."""


def read_config(path: Path) -> dict[str, Any]:
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
    fill_defaults(config)
    parse_texts(config)
    validate(config)
    return config


def fill_defaults(config: dict[str, Any]) -> None:
    """Add the sections and keys that the configuration lacks, in place."""
    for key, value in read_defaults().items():
        given = config.setdefault(key, value)
        if isinstance(value, dict) and isinstance(given, dict):
            config[key] = value | given


def parse_texts(config: dict[str, Any]) -> None:
    """Parse, in place, the values that `snakemake --config key=true section='{key: 3}'` gives as text, except names."""
    config.update(_parse_texts(config, read_schema()))


def _parse_texts(value: Any, part: Mapping[str, Any]) -> Any:
    """Parse the texts in a value that part of the schema describes."""
    if isinstance(value, dict):
        known, others = part.get("properties", {}), part.get("additionalProperties") or {}
        return {name: _parse_texts(item, known.get(name, others)) for name, item in value.items()}
    if isinstance(value, list):
        return [_parse_texts(item, part.get("items", {})) for item in value]
    try:
        parsed = yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value
    types = part.get("type", "")
    return value if "string" in types and TYPES.get(type(parsed), "text") not in types else parsed


def validate(config: Mapping[str, Any]) -> None:
    """Check the whole configuration against the schema, and for contradictions that a schema cannot express.

    Raises:
        UserError: The message has a line for each unknown key, wrong type or impossible value.
    """
    errors = extend(Draft202012Validator, type_checker=STRICT)(read_schema()).iter_errors(config)
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
        expected = error.schema.get("expected")
        yield f"{place}: {error.message}" + (f"; expected {expected}" if expected else "")


def _find_contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    names = [name for name, key in list_keys().items() if "maxItems" in key]
    pairs = [(name, get_value(config, name)) for name in names]
    pairs += [("ablation.percentiles", pair) for pair in config["ablation"]["percentiles"]]
    for name, (low, high) in filter(lambda pair: pair[1], pairs):
        if low > high or (low == high and name == "slices.hu_window"):
            yield f"{name}: {low} comes before {high}; write the smaller value first"
    for section in FOLDERS:
        if config["run"] in config[section]:
            yield f"{section}.{config['run']} has the name of this run; give it another"
    entries = {f"{section}.{name}": entry for section in FOLDERS for name, entry in config[section].items()}
    entries |= {f"evaluate.predictions.{name}": entry for name, entry in config["evaluate"]["predictions"].items()}
    for name, entry in (entries | {f"evaluate.{key}": config["evaluate"][key] for key in ("truth", "labels")}).items():
        yield from _find_contradictions_of_method(name, entry)
    halves = 2 if config["slices"]["tumor_rows"] == "lower_half" else 1
    shortest, poolings = config["slices"]["size"] // halves, config["network"]["depth"]
    if shortest < 2**poolings:
        yield (
            f"network.depth: {poolings} poolings are too many for the {shortest} rows of the tumor network; "
            "lower network.depth or raise slices.size"
        )


def _find_contradictions_of_method(name: str, entry: Any) -> Iterator[str]:
    entry = entry if isinstance(entry, dict) else {}
    parts = read_parts(entry)
    if name.startswith("transfer.") and "kidney" not in entry:  # where masks of tumors alone will do
        parts["kidney"] = []
    items = parts["kidney"] + parts["tumor"]
    if both := sorted(set(parts["kidney"]) & set(parts["tumor"]), key=str):
        yield f"{name}: {both[0]} is both kidney and tumor; name each once"
    if not items:
        yield f"{name} has neither kidney nor tumor; name a label or a file of one"
    if len({isinstance(item, str) for item in items}) > 1:
        yield f"{name} mixes labels and names of files; name either labels, as 1, or files, as kidney_left"


def read_parts(entry: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Read what means kidney and tumor in an entry of the sections `FOLDERS`: labels, or names of files."""
    named = {part: list(entry[part]) for part in LABELS if part in entry}
    has_files = any(isinstance(item, str) for items in named.values() for item in items)
    return (ORGANS if has_files else LABELS) | named


def list_deviations(config: Mapping[str, Any]) -> list[str]:
    """List the keys, `training.epochs` for example, whose values deviate from those that the paper states."""
    stated = {name for name, key in list_keys().items() if key.get("paper")}
    return [name for name in list_changes(config) if name in stated]


def list_changes(config: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """List the keys whose values are not the defaults, without the sections that the run does not read.

    Returns:
        For each key, `training.epochs` for example, its value here and its default.
    """
    keys = list_keys()
    unread = {"run", "results", "evaluate", "scans", *FOLDERS, *keys["data.source"]["enum"]} - {
        config["data"]["source"]
    }
    values = {name: (get_value(config, name), key["default"]) for name, key in keys.items()}
    return {name: pair for name, pair in values.items() if pair[0] != pair[1] and name.split(".")[0] not in unread}


def read_negatives(slices: str | Mapping[str, Any], network: str) -> float:
    """Read the share of slices without the target that a network trains on from `training.slices`."""
    if isinstance(slices, str):
        return {"positive": 0.0, "all": 1.0}[slices]
    share = slices["negatives"]
    return float(share[network] if isinstance(share, Mapping) else share)


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
