"""What all scripts share: options for the keys of the configuration, and errors that tell what to do."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from kidney_tumor import cli, schema

COUNT = {"type": "integer", "default": 3, "description": "how many. section 2: three"}
KEYS = {
    "count": COUNT,
    "share": {"type": "number", "default": 0.5, "description": "how much, 50%"},
    "filled": {"type": "boolean", "default": True, "description": "whether filled"},
    "limit": {"type": ["integer", "null"], "default": 2, "description": "at most so many"},
    "between": {
        "type": "array",
        "items": {"type": "number"},
        "minItems": 2,
        "default": [5, 95],
        "description": "two ends. Percentiles",
    },
    "way": {"enum": ["auto", True, False], "default": "auto", "description": "which way"},
    "given": {"type": "string", "default": "none", "description": "not for the command line"},
}
SECTIONS = {"one": {"properties": KEYS}, "two": {"properties": {"size": COUNT, "other": COUNT}}, "free": COUNT}


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setattr(schema, "read_schema", lambda: {"properties": SECTIONS})


@dataclass(frozen=True)
class Options:
    count: int
    share: float
    filled: bool
    limit: int | None
    between: tuple[float, float] | None
    way: str
    constant: str


DEFAULT = {"count": 3, "share": 0.5, "filled": True, "limit": 2, "between": (5, 95), "way": "auto", "constant": "x"}


def parse(*words):
    """Parse a command line as a script does."""
    return cli.make_parser("Test.", "one", "two.size", without=["given"]).parse_args(words)


def read(*words):
    return schema.fill_dataclass(Options, vars(parse(*words)) | {"constant": "x"})


def test_options_left_out_have_the_defaults_of_the_schema():
    assert read() == Options(**DEFAULT)
    assert hash(read()) == hash(Options(**DEFAULT))


def test_only_the_named_keys_have_an_option():
    assert set(vars(parse())) == set(KEYS) - {"given"} | {"size"}


@pytest.mark.parametrize(
    ("words", "change"),
    [
        (["--count", "7"], {"count": 7}),
        (["--share", "1"], {"share": 1.0}),
        (["--filled"], {"filled": True}),
        (["--no-filled"], {"filled": False}),
        (["--limit", "4"], {"limit": 4}),
        (["--no-limit"], {"limit": None}),
        (["--between", "1", "99.5"], {"between": (1.0, 99.5)}),
        (["--way", "true"], {"way": "true"}),
        (["--no-limit", "--limit", "1"], {"limit": 1}),
    ],
)
def test_an_option_sets_its_field(words, change):
    options = read(*words)
    assert options == Options(**DEFAULT | change)
    assert {name: type(value) for name, value in change.items()} == {
        name: type(getattr(options, name)) for name in change
    }


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--given", "x"], "unrecognized arguments: --given x"),
        (["--count", "x"], "argument --count: invalid int value: 'x'"),
        (["--between", "1"], "argument --between: expected 2 arguments"),
        (["--no-count"], "unrecognized arguments: --no-count"),
        (["--way", "left"], "argument --way: invalid choice: 'left'"),
    ],
)
def test_other_options_are_refused(capsys, words, says):
    with pytest.raises(SystemExit) as ended:
        read(*words)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(("module", "calls"), [("__main__", 1), ("script", 0)])
def test_a_script_runs_with_its_options_in_their_order(monkeypatch, module, calls):
    given = []

    def main(arguments):
        given.append(vars(arguments))

    main.__module__ = module
    monkeypatch.setattr("sys.argv", ["script.py", "--case", "a", "--size", "4", "--figure", "b", "c", "--output", "d"])
    decorators = (
        cli.take_option("name", default="e", help="a name"),
        cli.take_file("figure", "figures", nargs="+"),
        cli.run_main("two", "case", without=["other"], output="table"),
    )
    for decorate in decorators:
        assert decorate(main) is main
    expected = {"size": 4, "output": Path("d"), "case": "a", "figure": [Path("b"), Path("c")], "name": "e"}
    assert [list(options.items()) for options in given] == [list(expected.items())] * calls


def test_help_explains_each_key_and_its_default():
    parser = cli.make_parser("Test.", "one")
    text = " ".join(parser.format_help().split())
    for part in ("how many (default: 3)", "how much, 50% (default: 0.5)", "two ends (default: [5, 95])", "--no-limit"):
        assert part in text
