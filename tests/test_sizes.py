"""Modules, functions and rooms of the package stay small enough to be read."""

import ast
from collections import Counter

from conftest import SCRIPTS

PACKAGE = SCRIPTS / "kidney_tumor"
MODULES = {path: path.read_text() for path in PACKAGE.rglob("*.py")}


def test_no_module_has_more_than_250_lines():
    sizes = {str(path): len(text.splitlines()) for path, text in MODULES.items()}
    assert {path: size for path, size in sizes.items() if size > 250} == {}


def test_no_function_has_more_than_60_lines():
    sizes = {
        f"{path}:{node.lineno}: {node.name}": node.end_lineno - node.lineno + 1
        for path, text in MODULES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    }
    assert len(sizes) > 400
    assert {name: size for name, size in sizes.items() if size > 60} == {}


def test_no_room_has_more_than_a_fifth_of_the_package():
    rooms = Counter()
    for path, text in MODULES.items():
        rooms[path.relative_to(PACKAGE).parts[0]] += len(text.splitlines())
    assert {room: lines for room, lines in rooms.items() if lines > rooms.total() / 5} == {}
