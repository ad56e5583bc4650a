"""The command line of all scripts: their options, and errors of one line."""

import argparse
import os
import signal
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NoReturn

from kidney_tumor import schema
from kidney_tumor.data.remedies import explain
from kidney_tumor.errors import UserError, fail

KINDS = {"integer": int, "number": float, "string": str}
"""The types of JSON Schema that an option can have."""


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the command line and call `main`; report problems that the user can fix without a traceback."""
    arguments = parser.parse_args()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as the module `interrupt` sets it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main(arguments)
    except UserError as error:
        fail(explain(error))
    except KeyboardInterrupt:
        fail("interrupted")
    except MemoryError as error:
        fail(f"there is not enough memory ({error or 'out of memory'}); provide more, or run fewer jobs at once")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror or error}")


class Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """A formatter of `--help` that shows the default of each option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def make_parser(description: str, *keys: str, without: Collection[str] = ()) -> argparse.ArgumentParser:
    """Make a parser that shows each option's default in `--help`.

    It has an option for each of some keys of the configuration, `slices.size` for example, or of all in a section. The
    option has the name of the key without its section, and its type, default and explanation from the schema. A key
    that may be null gets a second option, `--no-<name>`, which sets it to None.
    """
    parser = argparse.ArgumentParser(description=description.strip().splitlines()[0], formatter_class=Formatter)
    for name, key in schema.list_keys().items() if keys else ():
        section, _, last = name.rpartition(".")
        if not {name, section} & set(keys) or last in without:
            continue
        flag, kinds, default = last.replace("_", "-"), key.get("type", ""), key["default"]
        settings: dict[str, Any] = {"help": key["description"].partition(". ")[0].replace("%", "%%")}
        if "enum" in key:
            settings["choices"], default = [str(choice).lower() for choice in key["enum"]], str(default).lower()
        elif kinds == "boolean":
            settings["action"] = argparse.BooleanOptionalAction
        elif "array" in kinds:
            settings |= {"nargs": key["minItems"], "type": KINDS[key["items"]["type"]]}
        else:
            settings["type"] = next(kind for word, kind in KINDS.items() if word in kinds)
        parser.add_argument(f"--{flag}", default=default, **settings)
        if "null" in kinds:
            parser.add_argument(f"--no-{flag}", dest=last, action="store_const", const=None, help="set no limit")
    return parser


def prefer_commands(folder: Path) -> None:
    """Let this process and those that it starts find the commands in a folder before others of the same name."""
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


class Renamed(argparse.Action):
    """An action that ends the script because an option was renamed; its new name is the argument `const`."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> NoReturn:
        parser.error(f"{option_string} is now called {self.const}")
