"""Check that modules, functions and rooms of the package stay small enough to be read."""

import ast
import sys
from collections import Counter
from pathlib import Path

PACKAGE = Path("workflow/scripts/kidney_tumor")
LARGEST_MODULE, LARGEST_FUNCTION, LARGEST_ROOM = 250, 60, 0.2
"""The most lines of a module and of a function, and the largest share of the package's lines in one room."""


def list_problems() -> list[str]:
    """List what is too large, a line each."""
    problems, rooms = [], Counter()
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        lines = len(text.splitlines())
        rooms[path.relative_to(PACKAGE).parts[0]] += lines
        if lines > LARGEST_MODULE:
            problems.append(f"{path}: {lines} lines; a module has {LARGEST_MODULE} at most")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and (length := node.end_lineno - node.lineno + 1) > LARGEST_FUNCTION:
                problems.append(f"{path}:{node.lineno}: {node.name} has {length} lines, more than {LARGEST_FUNCTION}")
    for room, lines in rooms.items():
        if lines > LARGEST_ROOM * rooms.total():
            problems.append(f"{PACKAGE / room}: {lines} of {rooms.total()} lines; a room has a fifth at most")
    return problems


if __name__ == "__main__":
    sys.exit("\n".join(list_problems()) or 0)
