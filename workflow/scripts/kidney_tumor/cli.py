"""The command line of all scripts: their options, and errors of one line."""

import argparse
import os
import signal
import typing
from collections.abc import Callable, Collection
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from kidney_tumor.data.cohort import parse_case
from kidney_tumor.data.remedies import explain
from kidney_tumor.errors import UserError, fail

T = TypeVar("T")
Arguments = argparse.Namespace
FILE: dict[str, Any] = {"type": Path, "required": True}
SHARED: dict[str, dict[str, Any]] = {
    "case": {"required": True, "help": "name of the case"},
    "root": FILE | {"help": "folder of the cohort"},
    "cases": {"type": parse_case, "nargs": "+", "required": True, "help": "names of cases, case_XXXXX"},
    "image": FILE | {"help": "CT volume, .nii.gz"},
    "label": FILE | {"help": "label volume, .nii.gz"},
    "kidney": FILE | {"help": "raw mask of kidney + tumor, .nii.gz"},
    "tumor": FILE | {"help": "raw mask of the tumor, .nii.gz"},
    "segmentation": FILE | {"help": "post-processed segmentation, .nii.gz"},
    "components": FILE | {"help": "table tumor_components.tsv"},
    "ratio-range": FILE | {"help": "range of ratios, ratio_range.json"},
    "scores": FILE | {"help": "table scores.tsv"},
    "measures": FILE | {"nargs": "+", "help": "tables of measure_label.py, one per case"},
    "record": FILE | {"help": "table of read_record.py"},
    "source": {"choices": ("kits19", "phantom"), "default": "kits19", "help": "source of the cohort"},
}
"""The options that several scripts have, each with the settings of `add_argument`."""


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


def make_parser(description: str, output: str = "") -> argparse.ArgumentParser:
    """Make a parser that shows each option's default in `--help`; `output` explains the option of this name."""
    parser = argparse.ArgumentParser(description=description.strip().splitlines()[0], formatter_class=Formatter)
    if output:
        add_file(parser, "output", output)
    return parser


def add_file(parser: argparse.ArgumentParser, name: str, explanation: str, **settings: Any) -> None:
    """Add an option that names a file or folder, or several (`nargs`); it is required unless the settings say no."""
    parser.add_argument(f"--{name}", **FILE | settings, help=explanation)


def add_shared(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add options of the table `SHARED`, all of which the script requires but for `source`."""
    for name in names:
        parser.add_argument(f"--{name}", **SHARED[name])


def add_options(parser: argparse.ArgumentParser, kind: type, *, without: Collection[str] = ()) -> None:
    """Add an option for each field of a dataclass whose fields `describe` made.

    A field that may be None gets a second option, `--no-<name>`, which sets it to None.
    """
    hints = typing.get_type_hints(kind)
    for item in fields(kind):
        if item.name in without:
            continue
        flag, hint = item.name.replace("_", "-"), hints[item.name]
        choices = [choice for choice in typing.get_args(hint) if choice is not type(None)]
        optional = type(None) in typing.get_args(hint)
        value = choices[0] if optional else hint
        settings: dict[str, Any] = {"default": item.default, "help": item.metadata["help"]}
        if value is bool:
            settings["action"] = argparse.BooleanOptionalAction
        elif typing.get_origin(value) is typing.Literal:
            settings["choices"] = typing.get_args(value)
        elif members := typing.get_args(value):
            settings |= {"nargs": len(members), "type": members[0], "action": StoreTuple}
        else:
            settings["type"] = value
        parser.add_argument(f"--{flag}", **settings)
        if optional:
            parser.add_argument(f"--no-{flag}", dest=item.name, action="store_const", const=None, help="set no limit")


def read_options(arguments: argparse.Namespace, kind: type[T]) -> T:
    """Make a dataclass from the options that `add_options` added; other fields keep their defaults."""
    names = [item.name for item in fields(kind) if hasattr(arguments, item.name)]  # type: ignore[arg-type]
    return kind(**{name: getattr(arguments, name) for name in names})


class StoreTuple(argparse.Action):
    """An action that stores the values of an option as a tuple, so that they compare equal to a field's default."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        setattr(namespace, self.dest, tuple(values))


def prefer_commands(folder: Path) -> None:
    """Let this process and those that it starts find the commands in a folder before others of the same name."""
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
