"""What every script shares: one-line errors, whole-or-nothing outputs, JSON."""

import argparse
import json
import os
import shlex
import signal
import sys
import typing
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import field, fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class UserError(Exception):
    """Something the user can mend; the message names the file or key and says what to do.

    One error may carry several lines, one for each thing to mend.
    """


def fail(message: str) -> NoReturn:
    """Print `message` as an error, a line each, and exit with status 1."""
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr, flush=True)
    sys.exit(1)


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the command line and call `main`; report what the user can mend without a traceback."""
    arguments = parser.parse_args()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as `interrupt` left it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main(arguments)
    except UserError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted")
    except MemoryError as error:
        fail(f"there is not enough memory ({error or 'out of memory'}); give it more, or run fewer jobs at once")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror or error}")


class Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the default of each option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def make_parser(description: str) -> argparse.ArgumentParser:
    """A parser that shows each option's default in `--help`."""
    return argparse.ArgumentParser(
        description=description.strip().splitlines()[0],
        formatter_class=Formatter,
    )


def describe(default: Any, explanation: str) -> Any:
    """Make a field of a dataclass that explains itself in `--help`."""
    return field(default=default, metadata={"help": explanation})


def add_options(parser: argparse.ArgumentParser, kind: type, *, without: Collection[str] = ()) -> None:
    """Add an option for each field of a dataclass, whose fields `describe` made.

    A field that may be None gets a second option, `--no-<name>`, which says so.
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
        elif members := typing.get_args(value):
            settings |= {"nargs": len(members), "type": members[0], "action": StoreTuple}
        else:
            settings["type"] = value
        parser.add_argument(f"--{flag}", **settings)
        if optional:
            parser.add_argument(f"--no-{flag}", dest=item.name, action="store_const", const=None, help="no such limit")


def read_options(arguments: argparse.Namespace, kind: type[T], **given: Any) -> T:
    """Make a dataclass of the options that `add_options` added, and of the fields that are given."""
    names = {item.name for item in fields(kind)} - set(given)  # type: ignore[arg-type]
    return kind(**{name: getattr(arguments, name) for name in names if hasattr(arguments, name)}, **given)


class StoreTuple(argparse.Action):
    """Stores the values of an option as a tuple, which compares equal to a field's default."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        setattr(namespace, self.dest, tuple(values))


class Renamed(argparse.Action):
    """Ends the script at an option that has another name now, which is given as `const`."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> NoReturn:
        parser.error(f"{option_string} is now called {self.const}")


@contextmanager
def name_errors(path: Path) -> Iterator[None]:
    """Give the path to an error that has none, as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno:
            error.filename = error.filename or str(path)
        raise


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` on success, remove it on failure.

    The temporary name ends like `path` (`.nii.gz`), by which writers choose the format, and is the same each time,
    so that the next attempt overwrites what a killed one left.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".partial.{path.name}")
    try:
        with name_errors(path):
            yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write `content` as indented JSON, whole or not at all."""
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


def read_json(path: str | os.PathLike[str], *keys: str) -> dict[str, Any]:
    """Read a JSON object that has some keys.

    Raises:
        UserError: the file does not hold JSON, or lacks a key.
    """
    try:
        content = json.loads(Path(path).read_text())
        missing = set(keys) - set(content)
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is not a JSON object ({error}); {suggest_remake(path)}") from error
    if missing:
        raise UserError(f"{path} lacks {', '.join(sorted(missing))}; {suggest_remake(path)}")
    return content


def suggest_remake(path: str | os.PathLike[str]) -> str:
    """What to do about an intermediate file that is not what the workflow wrote."""
    return f"`rm {shlex.quote(str(path))}` and run the same snakemake command again"


def prefer_commands(folder: Path) -> None:
    """Let this process, and all it starts, find the commands in a folder before others of the same name."""
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


def collect(jobs: Iterable[Callable[[], T]]) -> list[T]:
    """The results of all jobs; where some fail, one error that holds the lines of every failure.

    Raises:
        UserError: at least one job raised it.
    """
    results, problems = [], []
    for job in jobs:
        try:
            results.append(job())
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return results
