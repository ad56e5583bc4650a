"""The source files that decide what a script writes. The Snakefile imports this module, so it imports nothing heavy."""

import ast
from functools import cache
from pathlib import Path

NEUTRAL = {"cli", "interrupt", "locks", "provenance", "sources", "networks.gpu", "networks.checkpoint"}
"""The modules that cannot change a result: they parse options, wait, find sources, resume a training, or record."""


@cache
def find_sources(script: Path) -> tuple[Path, ...]:
    """List the modules of the package that a script imports, directly or through others, without the neutral ones.

    Args:
        script: A script that lies beside the package `kits`.

    Returns:
        The modules' files, sorted.
    """
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        for module in _list_imports(waiting.pop()):
            path = script.parent / "kidney_tumor" / f"{module.replace('.', '/')}.py"
            if module not in NEUTRAL and path not in found and path.is_file():
                found.add(path)
                waiting.append(path)
    return tuple(sorted(found))


@cache
def _list_imports(path: Path) -> tuple[str, ...]:
    """List the names that a file imports from the package: modules, `data.nifti` for example, and functions."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names += [f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return tuple(name.removeprefix("kits.") for name in names if name.startswith("kidney_tumor."))
