"""The schema of the configuration, which is the only source of each key's type, default and meaning.

The Snakefile and every script read it, so this module imports nothing heavy.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

PATH = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"


@cache
def read_schema() -> dict[str, Any]:
    """Read the schema, with its definitions in the places that refer to them."""
    import yaml  # slow to import, and half of the scripts have no key

    schema = yaml.load(PATH.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    definitions = {f"#/$defs/{name}": part for name, part in schema.pop("$defs").items()}

    def resolve(part: Any) -> Any:
        if isinstance(part, dict):
            part = definitions.get(str(part.get("$ref")), {}) | part
            return {name: resolve(item) for name, item in part.items() if name != "$ref"}
        return [resolve(item) for item in part] if isinstance(part, list) else part

    return resolve(schema)


def list_keys() -> dict[str, dict[str, Any]]:
    """Map the full name of each key, `training.epochs` for example, to what the schema says of it."""
    keys: dict[str, dict[str, Any]] = {}
    for name, part in read_schema()["properties"].items():
        inner = part.get("properties")
        keys |= {f"{name}.{key}": item for key, item in inner.items()} if inner else {name: part}
    return keys


def read_defaults() -> dict[str, Any]:
    """Read the configuration that has the default of each key."""
    config: dict[str, Any] = {}
    for name, key in list_keys().items():
        section, _, last = name.rpartition(".")
        (config.setdefault(section, {}) if section else config)[last] = deepcopy(key["default"])
    return config


def get_value(config: Mapping[str, Any], name: str) -> Any:
    """Get the value of a key by its full name."""
    section, _, last = name.rpartition(".")
    return (config[section] if section else config)[last]


def fill_dataclass(kind: type[T], values: Mapping[str, Any]) -> T:
    """Make a dataclass from those of some values that have the names of its fields; a list becomes a tuple."""
    chosen = {item.name: values[item.name] for item in fields(kind) if item.name in values}  # type: ignore[arg-type]
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in chosen.items()})
