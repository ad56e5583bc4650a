"""The command line of all scripts: their options, and errors of one line."""

import argparse
import gc
import os
import signal
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from kidney_tumor import IS_SCRIPT, schema
from kidney_tumor.data.cohort import parse_case
from kidney_tumor.data.remedies import explain
from kidney_tumor.errors import UserError, fail

Arguments = argparse.Namespace
Main = Callable[[Arguments], None]
OPTIONS: dict[Main, list[tuple[str, dict[str, Any]]]] = {}
"""The options that a function takes beside those of `run_main`, each with the settings of `add_argument`."""
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
    "measures": FILE | {"help": "table of measure_labels.py"},
    "record": FILE | {"help": "table of read_record.py"},
    "source": {"choices": ("kits19", "phantom"), "default": "kits19", "help": "source of the cohort"},
}
"""The options that several scripts have, each with the settings of `add_argument`."""
KINDS = {"integer": int, "number": float, "string": str}
"""The types of JSON Schema that an option can have."""


def run_main(*names: str, without: Collection[str] = (), output: str = "") -> Callable[[Main], Main]:
    """Run the function below this decorator if its file is the script that Python runs; at once, so it stands last.

    Args:
        names: What has an option: keys of the configuration, as in `make_parser`, and those of the table `SHARED`.
        without: Keys of a section that have none.
        output: The explanation of the option `--output`; empty if there is none, or if `take_file` gives it.
    """

    def run_if_script(main: Main) -> Main:
        if main.__module__ == "__main__":
            keys = [name for name in names if name not in SHARED]
            parser = make_parser(main.__globals__["__doc__"], *keys, without=without)
            shared = [(name, SHARED[name]) for name in names if name in SHARED]
            given = [("output", FILE | {"help": output})] if output else []
            for name, settings in given + shared + OPTIONS.get(main, []):
                parser.add_argument(f"--{name}", **settings)
            run(main, parser)
        elif IS_SCRIPT:
            gc.enable()  # this process only works for the script's own, and so does not run it
        return main

    return run_if_script


def take_option(name: str, **settings: Any) -> Callable[[Main], Main]:
    """Give the function below this decorator an option, with the settings of `add_argument`."""

    def take(main: Main) -> Main:
        OPTIONS.setdefault(main, []).insert(0, (name, settings))  # Python calls the lowest decorator first
        return main

    return take


def take_file(name: str, explanation: str, **settings: Any) -> Callable[[Main], Main]:
    """Give the function below this decorator an option that names a file or folder, or several (`nargs`).

    It is required unless the settings say no.
    """
    return take_option(name, **FILE | settings, help=explanation)


def take_segmentation(name: str, explanation: str) -> Callable[[Main], Main]:
    """Give the function below this decorator the options that `data.segmentations.list_segmentations` reads."""

    def take(main: Main) -> Main:
        take_option(f"{name}-absent", nargs="*", default=[], help="organs without a mask, since none was found")(main)
        for part in ("tumor", "kidney"):
            take_file(f"{name}-{part}-files", f"those that are masks of {part}", nargs="*", required=False)(main)
            text = f"labels that mean {part} in it; all that neither part has are nothing"
            take_option(f"{name}-{part}-values", type=int, nargs="*", help=text)(main)
        text = f"{explanation}, or all masks of organs, which further options tell apart"
        return take_file(name, text, nargs="*", default=[], required=False)(main)

    return take


def run(main: Main, parser: argparse.ArgumentParser) -> None:
    """Parse the command line and call `main`; report problems that the user can fix without a traceback."""
    if IS_SCRIPT:
        gc.freeze()  # what was imported is not searched again, which at the end takes half a second for PyTorch
        gc.enable()
    arguments = parser.parse_args()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as the package sets it
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
            parser.add_argument(f"--no-{flag}", dest=last, action="store_const", const=None, help="set it to null")
    return parser


def prefer_commands(folder: Path) -> None:
    """Let this process and those that it starts find the commands in a folder before others of the same name."""
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
