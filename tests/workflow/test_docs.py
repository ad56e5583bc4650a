"""The commands that README.md and docs/ name: each option, rule, key and file of them is there."""

import re
import shlex

import kidney
import pytest
import yaml
from conftest import ROOT, merged

from kidney_tumor import configuration, schema

PAGES = [ROOT / "README.md", ROOT / "config" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
VALUED = {"--cores", "--resources", "--configfile", "--config", "--report", "--profile", "--rerun-triggers"}
"""Options of Snakemake that take values, up to the next option."""


def list_commands():
    """List the commands of all code blocks, a line each, with the page."""
    for page in PAGES:
        for block in re.findall(r"^```\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith((".venv/bin/snakemake", ".venv/bin/kidney", ".venv/bin/python workflow")):
                    yield page.relative_to(ROOT).as_posix(), line


def split_command(line):
    """Split a command as a shell does, with places in angle brackets as one word."""
    return shlex.split(re.sub(r"<[^>]*>", "some_folder", line), comments=True)


def read_snakemake(words):
    """Read the targets, the settings and the files of a command of Snakemake."""
    targets, settings, files, option = [], {}, [], ""
    for word in words:
        if word.startswith("-"):
            option = word if word in VALUED else ""
        elif option == "--config":
            key, _, value = word.partition("=")
            settings[key] = yaml.safe_load(value)
        elif option in ("--configfile", "--profile"):
            files.append(word)
        elif not option:
            targets.append(word)
    return targets, settings, files


COMMANDS = list(dict.fromkeys(list_commands()))


def test_pages_have_commands():
    assert len(COMMANDS) > 30


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[line for _, line in COMMANDS])
def test_a_command_names_what_is_there(page, line):
    program, *words = split_command(line)
    if program.endswith("kidney"):
        cut = words.index("--") if "--" in words else len(words)
        kidney.make_parser().parse_args(words[:cut])
        return
    if program.endswith("python"):
        assert (ROOT / words[0]).is_file()
        return
    rules = set(re.findall(r"^\s*rule (\w+)", "\n".join(map(read_rules, (ROOT / "workflow").rglob("*"))), re.MULTILINE))
    targets, settings, files = read_snakemake(words)
    for target in targets:
        assert target in rules or target.startswith("results/"), target
    for file in files:
        assert file == "my.yaml" or (ROOT / file).exists(), file
    if "...as above..." not in line:
        config = merged(schema.read_defaults(), **settings)
        configuration.parse_texts(config)
        configuration.validate(config)


def read_rules(path):
    return path.read_text() if path.suffix == ".smk" or path.name == "Snakefile" else ""
