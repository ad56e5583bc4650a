"""The configuration: its checks, and what follows from it. Light on purpose: the Snakefile imports it."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from kits import cohort
from kits.cli import UserError

# JSON Schema takes 3.0 for an integer, and YAML's .nan and .inf for numbers; the scripts do not.
STRICT = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda _, value: isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value),
    }
)
TEXTS = ("root", "lock", "imaging", "imaging_revision", "labels", "labels_revision")
SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"


def parse_texts(config: dict[str, Any]) -> None:
    """Read what `snakemake --config key=true section='{key: 3}'` gives as text, in place; names stay text."""
    for key in set(config) - {"run"}:
        config[key] = _parsed(config[key])
    for section in filter(lambda value: isinstance(value, dict), config.values()):
        for key, value in section.items():
            if key not in TEXTS:
                section[key] = [_parsed(item) for item in value] if isinstance(value, list) else _parsed(value)


def _parsed(value: Any) -> Any:
    try:
        return yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value


def validate(config: Mapping[str, Any]) -> None:
    """Check the whole configuration against the schema, and what a schema cannot say.

    Raises:
        UserError: a line for each unknown key, wrong type or impossible value.
    """
    schema = yaml.safe_load(SCHEMA.read_text())
    errors = extend(Draft202012Validator, type_checker=STRICT)(schema).iter_errors(config)
    problems = [line for error in errors for line in _explain(error)]
    problems = problems or list(_contradictions(config))
    if problems:
        raise UserError("\n".join(f"config: {problem}" for problem in problems))


def _explain(error: ValidationError) -> Iterator[str]:
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


def _contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    for section, key in (
        ("slices", "hu_window"),
        ("postprocess", "percentiles"),
        ("phantom", "slices"),
    ):
        low, high = config[section][key]
        if low > high or (low == high and key == "hu_window"):
            yield f"{section}.{key}: {low} comes before {high}; write the smaller value first"
    for low, high in config["sensitivity"]["percentiles"]:
        if low > high:
            yield f"sensitivity.percentiles: {low} comes before {high}; write the smaller value first"
    shortest, poolings = config["slices"]["size"] // 2, config["network"]["depth"]
    if shortest < 2**poolings:
        yield (
            f"network.depth: {poolings} poolings halve the tumor network's {shortest} rows to nothing; "
            "lower network.depth or raise slices.size"
        )


def cohort_of(config: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The cohort's folder and the names of its cases.

    A phantom cohort lies with the run's results, never in `data.root`, where real data may be or be fetched.

    Raises:
        UserError: there is no cohort, it is empty, or a case is listed twice.
    """
    data, chosen = config["data"], config["data"]["cases"]
    root = os.path.normpath(os.path.expanduser(data["root"]))
    if data["source"] != "kits19":
        phantom = data["source"] == "phantom"
        number, what = (config["phantom"]["cases"], "phantom.cases") if phantom else (cohort.KITS19_LABELLED, "KiTS19")
        present = [cohort.case_name(case) for case in range(number)]
        cases = present if chosen == "all" else cohort.selected(chosen)
        absent = sorted(set(cases) - set(present))
        if absent:
            raise UserError(f"data.cases: {', '.join(absent)} not among the {number} of {what}")
        return f"results/{config['run']}/cohort" if phantom else root, cases
    present = cohort.find_cases(Path(root))
    return root, present if chosen == "all" else cohort.selected(chosen)


def having(config: Mapping[str, Any], root: str, cases: list[str], *volumes: str) -> list[str]:
    """The cases that have all of some files; of a cohort that is yet to be made or fetched, all cases."""
    if config["data"]["source"] != "kits19":
        return cases
    return [case for case in cases if all((Path(root) / case / volume).is_file() for volume in volumes)]


def departures(config: Mapping[str, Any], stated: Path) -> list[str]:
    """The keys, as `training.epochs`, whose values are not those of a file of settings."""
    settings = yaml.safe_load(stated.read_text())
    return [
        f"{section}.{key}"
        for section, values in settings.items()
        for key, value in values.items()
        if config[section][key] != value
    ]


def options(values: Mapping[str, Any]) -> list[str]:
    """Command-line options of configuration values: `{"batch_size": 8}` gives `["--batch-size", "8"]`.

    A truth value becomes `--key` or `--no-key`, a list several words; null is left out.
    """
    words: list[str] = []
    for key, value in values.items():
        flag = re.sub("_", "-", key)
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, list):
            words += [f"--{flag}", *map(str, value)]
        elif value is not None:
            words += [f"--{flag}", str(value)]
    return words
