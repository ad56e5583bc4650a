"""Write config/config.yaml and the tables in config/README.md from the schema of the configuration."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kidney_tumor import cli, errors, files, schema

import yaml

CONFIG = schema.PATH.parents[2] / "config"


def write_yaml() -> str:
    """Write the configuration that has the default of each key."""
    lines = ["# The paper, and our choices where it is silent; config/README.md explains every key."]
    for name, value in schema.read_defaults().items():
        is_section = isinstance(value, dict)
        lines += [""] * is_section + [f"{name}:" if is_section and value else f"{name}: {write_value(value)}"]
        lines += [f"  {key}: {write_value(item)}" for key, item in value.items()] if is_section else []
    return "\n".join(lines) + "\n"


def write_value(value: Any) -> str:
    """Write a value as YAML in one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()


def fill_tables(text: str) -> str:
    """Fill the table below the heading of each section with its keys, and that below the title with the others.

    Raises:
        UserError: A section has no heading with a table.
    """
    tables: dict[str, str] = {}
    for name, part in schema.read_schema()["properties"].items():
        heading = "Configuration" if "description" in part else name
        tables[heading] = tables.get(heading, "") + "".join(list_rows(name, part))
    for heading, rows in tables.items():
        table = rf"(?m)(^#+ {heading}\n(?:(?![|#]).*\n)*\|.*\n\|.*\n)(?:\|.*\n)*"
        text, found = re.subn(table, lambda match, rows=rows: match[1] + rows, text)
        if not found:
            raise errors.UserError(f"README.md of the configuration: there is no heading {heading} with a table below")
    return text


def list_rows(name: str, part: Mapping[str, Any]) -> Iterator[str]:
    """List the row of a key, or those of the keys in a section, which may be a mapping under any name."""
    if "description" in part:
        value = write_value(part["default"]) if "default" in part else ""  # a long one is left to config.yaml
        yield f"| `{name}` |{f' `{value}`' if 0 < len(value) <= 60 else ''} | {part['description']} |\n"
    inner = part.get("properties", {})
    if isinstance(part.get("additionalProperties"), dict):
        inner = {"<name>": part["additionalProperties"]}
    for key, item in inner.items():
        yield from list_rows(f"{name}.{key}", item)


@cli.run_main()
@cli.take_option("check", action="store_true", help="write nothing, and fail if a file would change")
@cli.take_option("folder", type=Path, default=CONFIG, help="folder of config.yaml and README.md")
def main(arguments: cli.Arguments) -> None:
    tables = (arguments.folder / "README.md").read_text(encoding="utf-8")
    for name, text in {"config.yaml": write_yaml(), "README.md": fill_tables(tables)}.items():
        path = arguments.folder / name
        if not arguments.check:
            files.write_text(path, text)
        elif path.read_text(encoding="utf-8") != text:
            remedy = "run .venv/bin/python workflow/scripts/write_config.py"
            raise errors.UserError(f"{path} is not what {schema.PATH.name} says; {remedy}")
