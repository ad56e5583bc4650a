"""Write config/config.yaml, and the tables in config/README.md and docs/method.md, from the configuration's schema."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kidney_tumor import cli, errors, files, schema

import yaml

ROOT = schema.PATH.parents[2]
SILENT = "paper silent: "
"""The mark of a choice that the paper leaves open, in the description of a key, with the reason behind it."""


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


def fill_tables(path: Path, tables: Mapping[str, str]) -> str:
    """Fill the table below each heading of a file with its rows; return the text.

    Raises:
        UserError: There is no such heading with a table.
    """
    text = path.read_text(encoding="utf-8")
    for heading, rows in tables.items():
        table = rf"(?m)(^#+ {heading}\n(?:(?![|#]).*\n)*\|.*\n\|.*\n)(?:\|.*\n)*"
        text, found = re.subn(table, lambda match, rows=rows: match[1] + rows, text)
        if not found:
            raise errors.UserError(f"{path}: there is no heading {heading} with a table below")
    return text


def list_tables() -> dict[str, str]:
    """List the rows of each section's keys by the section's name, and those of the other keys by that of the title."""
    tables: dict[str, str] = {}
    for name, part in schema.read_schema()["properties"].items():
        heading = "Configuration" if "description" in part else name
        tables[heading] = tables.get(heading, "") + "".join(list_rows(name, part))
    return tables


def list_choices() -> Iterator[str]:
    """List the row of each key whose value the paper leaves open: its value, and the reason for it."""
    for name, part in schema.list_keys().items():
        _, marked, reason = part.get("description", "").partition(SILENT)
        if marked:
            yield f"| `{name}` | `{write_value(part['default'])}` | {reason.replace('](../docs/', '](')} |\n"


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
@cli.take_option("folder", type=Path, default=ROOT, help="folder of config/ and docs/")
def main(arguments: cli.Arguments) -> None:
    tables = {"config/README.md": list_tables(), "docs/method.md": {"Choices with a key": "".join(list_choices())}}
    written = {name: fill_tables(arguments.folder / name, rows) for name, rows in tables.items()}
    written["config/config.yaml"] = write_yaml()
    for name, text in written.items():
        path = arguments.folder / name
        if not arguments.check:
            files.write_text(path, text)
        elif path.read_text(encoding="utf-8") != text:
            remedy = "run .venv/bin/python workflow/scripts/write_config.py"
            raise errors.UserError(f"{path} is not what {schema.PATH.name} says; {remedy}")
