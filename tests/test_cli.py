"""What all scripts share: options from dataclasses, and errors that tell what to do."""

from dataclasses import dataclass

import pytest

from kidney_tumor import cli, fields


@dataclass(frozen=True)
class Options:
    count: int = fields.describe(3, "how many")
    share: float = fields.describe(0.5, "how much")
    filled: bool = fields.describe(True, "whether filled")
    limit: int | None = fields.describe(2, "at most so many")
    between: tuple[float, float] | None = fields.describe((5, 95), "two ends")
    given: str = fields.describe("none", "not for the command line")


def read(*words):
    """Parse a command line as a script does."""
    parser = cli.make_parser("Test.")
    cli.add_options(parser, Options, without={"given"})
    return cli.read_options(parser.parse_args(words), Options)


def test_options_left_out_have_the_defaults_of_the_dataclass():
    assert read() == Options()
    assert hash(read()) == hash(Options())


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
        (["--no-between"], {"between": None}),
        (["--no-limit", "--limit", "1"], {"limit": 1}),
    ],
)
def test_an_option_sets_its_field(words, change):
    options = read(*words)
    assert options == Options(**change)
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
    ],
)
def test_other_options_are_refused(capsys, words, says):
    with pytest.raises(SystemExit) as ended:
        read(*words)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_help_explains_each_field_and_its_default():
    parser = cli.make_parser("Test.")
    cli.add_options(parser, Options)
    text = " ".join(parser.format_help().split())
    for part in ("how many (default: 3)", "how much (default: 0.5)", "two ends (default: (5, 95))", "--no-limit"):
        assert part in text
