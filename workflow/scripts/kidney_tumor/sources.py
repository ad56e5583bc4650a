"""The source code that decides what a script writes. The Snakefile imports this module, so it imports nothing heavy."""

import ast
import hashlib
import sys
from collections.abc import Collection, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent.name
NEUTRAL = frozenset(
    {"cli", "errors", "files", "locks", "provenance", "schema", "sources"} | {"data.remedies", "networks.checkpoint"}
)
"""The modules that cannot change a result: they parse options, wait, find sources, resume a training, or record."""


def digest_code(script: Path, files: Iterable[Path] = ()) -> str:
    """Compute a digest of the code that decides what a script writes: its own and that of its modules.

    Comments, docstrings, layout, and the places and times of files do not count, so that a change of them repeats no
    job.

    Args:
        script: A script that lies beside the package.
        files: Other files that the script reads, such as templates, of which each byte counts.
    """
    digest = hashlib.sha256()
    for path in (script, *find_sources(script)):
        digest.update(f"{path.relative_to(script.parent)} {_digest_source(path)}\n".encode())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def find_sources(script: Path) -> tuple[Path, ...]:
    """List the modules of the package that a script imports, directly or through others, without the neutral ones.

    Args:
        script: A script that lies beside the package.

    Returns:
        The modules' files, sorted.
    """
    return _find_modules(script, NEUTRAL)


@cache
def find_missing(script: Path) -> tuple[str, ...]:
    """List the packages that a script or a module of it imports, and that this interpreter does not have."""
    return tuple(name for name in find_packages(script) if not find_spec(name))


def find_packages(script: Path) -> tuple[str, ...]:
    """List the packages outside the standard library that a script or a module of it imports, sorted."""
    imported = {name.split(".")[0] for path in (script, *_find_modules(script)) for name in _list_imports(path)}
    return tuple(sorted(imported - {PACKAGE} - sys.stdlib_module_names))


@cache
def _find_modules(script: Path, without: Collection[str] = frozenset()) -> tuple[Path, ...]:
    """List the modules of the package that a script imports, directly or through others, sorted."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        for name in _list_imports(waiting.pop()):
            package, _, module = name.partition(".")
            path = script.parent / package / f"{module.replace('.', '/')}.py"
            if package == PACKAGE and module not in without and path not in found and path.is_file():
                found.add(path)
                waiting.append(path)
    return tuple(sorted(found))


@cache
def _list_imports(path: Path) -> tuple[str, ...]:
    """List the full names that a file imports, those of functions too: `kidney_tumor.volumes.nifti.read_label`."""
    names: list[str] = []
    waiting: list[Any] = [_parse(path)]
    while waiting:  # ast.walk would go through expressions, too, which are most of a tree
        node = waiting.pop()
        if isinstance(node, ast.ImportFrom):
            names += [f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            held = getattr(node, part, [])
            waiting += held if isinstance(held, list) else []
    return tuple(names)


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


@cache
def _digest_source(path: Path) -> str:
    """Compute a digest of a file's code."""
    parts: list[str] = []
    _list_parts(_parse(path), parts)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _list_parts(part: Any, parts: list[str]) -> None:
    """List the parts of a syntax tree without docstrings, alike in each version of Python that knows the syntax."""
    if isinstance(part, ast.AST):
        parts.append(type(part).__name__)
        for name in part._fields:
            value = getattr(part, name, None)
            if value is not None and value != []:  # a later version may have a further field, which is empty
                parts.append(name)
                _list_parts(value, parts)
        parts.append("end")
    elif isinstance(part, list):
        for item in part:
            if not _is_docstring(item):
                _list_parts(item, parts)
        parts.append("end")
    else:
        parts.append(repr(part))


def _is_docstring(node: Any) -> bool:
    """Return whether a statement is a text alone, which does nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
