"""What all scripts share: their options, one-line errors, outputs that are never incomplete, and JSON."""

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
    """A problem that the user can fix; the message names the file or key and says what to do.

    A message may have several lines, one for each problem.
    """


def fail(message: str) -> NoReturn:
    """Print each line of `message` as an error, and exit with status 1."""
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr, flush=True)
    sys.exit(1)


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the command line and call `main`; report problems that the user can fix without a traceback."""
    arguments = parser.parse_args()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as the module `interrupt` sets it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main(arguments)
    except UserError as error:
        fail(str(error))
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


def make_parser(description: str) -> argparse.ArgumentParser:
    """Make a parser that shows each option's default in `--help`."""
    return argparse.ArgumentParser(
        description=description.strip().splitlines()[0],
        formatter_class=Formatter,
    )


def describe(default: Any, explanation: str) -> Any:
    """Make a field of a dataclass with an explanation for `--help`."""
    return field(default=default, metadata={"help": explanation})


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


class Renamed(argparse.Action):
    """An action that ends the script because an option was renamed; its new name is the argument `const`."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> NoReturn:
        parser.error(f"{option_string} is now called {self.const}")


@contextmanager
def name_errors(path: Path) -> Iterator[None]:
    """Add a path to an OSError that has none, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno:
            error.filename = error.filename or str(path)
        raise


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` on success, remove it on failure.

    The temporary name has the suffix of `path`, by which writers choose the format, and it is always the same, so that
    the next attempt overwrites the file that a killed one left.
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
    """Write `content` as indented JSON, completely or not at all."""
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


def read_json(path: str | os.PathLike[str], *keys: str) -> dict[str, Any]:
    """Read a JSON object that must have the given keys.

    Raises:
        UserError: The file does not hold a JSON object, or a key is missing.
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
    """Say what to do about an intermediate file that differs from what the workflow wrote."""
    return f"`rm {shlex.quote(str(path))}` and run the same snakemake command again"


def prefer_commands(folder: Path) -> None:
    """Let this process and those that it starts find the commands in a folder before others of the same name."""
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


def collect(jobs: Iterable[Callable[[], T]]) -> list[T]:
    """Call all jobs and return their results.

    Raises:
        UserError: At least one job raised it; the message has the lines of every failure.
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
