"""Segment scans, score segmentations, or run the workflow: print the command for it, and run that."""

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import NoReturn

from kidney_tumor import commands, errors, locks, schema

FREE = {"-n", "--dry-run", "--dryrun", "--unlock", "--help"}
"""Options of Snakemake with which it writes no results."""
MEANINGS = {
    "segment": "segment CT scans, and write a page to look at each",
    "evaluate": "score folders of segmentations against a folder of labels",
    "run": "run the whole workflow, or some targets of it; without CONFIG, the paper",
    "filter": "only filter the raw masks of a finished run again, and score them; nothing is trained or predicted",
    "report": "write the report of a finished run, one page with all results",
    "demo": "run the whole workflow on generated cases in minutes, without data",
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        print(f"error: {message}; see `{self.prog} --help`", file=sys.stderr)
        self.exit(2)


def make_parser() -> Parser:
    """Make the parser of all commands."""
    further = "What follows -- is passed on to snakemake, as in: kidney {} ... -- --dry-run"
    parser = Parser("kidney", description=__doc__, epilog=further.format("run"))
    parts = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    made = {
        name: parts.add_parser(
            name, help=text, description=text, epilog=further.format(name) if name != "report" else None
        )
        for name, text in MEANINGS.items()
    }
    made["segment"].add_argument("scans", nargs="+", metavar="IN", help="CT file, DICOM folder, or folder of these")
    made["segment"].add_argument("-o", "--output", required=True, metavar="OUT", help="folder for the results")
    text = "folder with trained networks, results/<run>/models; by default those that come along, which know no patient"
    made["segment"].add_argument("--models", default="", metavar="FOLDER", help=text)
    formats = schema.list_keys()["scans.formats"]["items"]["enum"]
    text = "a further file of each result, for 3D Slicer or as DICOM SEG; may be given twice"
    made["segment"].add_argument("--format", action="append", default=[], choices=formats, help=text)
    made["evaluate"].add_argument("truth", metavar="TRUTH", help="folder with labels, a volume for each case")
    text = "folder with segmentations, FOLDER or NAME=FOLDER"
    made["evaluate"].add_argument("predictions", nargs="+", metavar="PREDICTIONS", help=text)
    text = "folder for the results, results/evaluation by default"
    made["evaluate"].add_argument("-o", "--output", default="results/evaluation", metavar="OUT", help=text)
    text = "what means kidney and tumor in all folders, kidney=1,3 tumor=2 for KiTS23; by default 1 and 2"
    made["evaluate"].add_argument("--labels", nargs="+", default=[], metavar="PART=LABELS", help=text)
    text = "configuration file, .yaml, and targets, if not all"
    made["run"].add_argument("words", nargs="*", metavar="CONFIG", help=text)
    made["filter"].add_argument("words", nargs="*", metavar="CONFIG", help="configuration file of the run, .yaml")
    text = "configuration file, .yaml, or name of a run in results/"
    made["report"].add_argument("word", nargs="?", default="kits19", metavar="CONFIG", help=text)
    for name in MEANINGS.keys() - {"report"}:
        made[name].add_argument("--cores", default="all", help="number of cores, all by default")
    for name in ("segment", "run", "filter", "demo"):
        made[name].add_argument("--gpu", action="store_true", help="let the networks take turns on the GPU")
    return parser


def make_lines(given: argparse.Namespace, further: list[str]) -> tuple[list[list[str]], Path | None]:
    """Make the command lines for what was given, and find the folder into which they write, if they take it alone."""
    if given.command == "report":
        if further:
            raise errors.UserError(f"report takes nothing after --, and so not {further[0]}")
        return commands.report(given.word), None
    if given.cores != "all" and not (given.cores.isdecimal() and int(given.cores)):
        raise errors.UserError(f"--cores {given.cores} is no number of cores; give one of at least 1, or all")
    options = commands.Options(given.cores, getattr(given, "gpu", False), further)
    if given.command == "segment":
        return commands.segment(given.scans, given.output, given.models, given.format, options), Path(given.output)
    if given.command == "evaluate":
        made = commands.evaluate(given.truth, given.predictions, given.output, given.labels, options)
        return made, Path(given.output)
    if given.command == "demo":
        return commands.demonstrate(options), Path("results", "demo")
    make = commands.run if given.command == "run" else commands.filter_again
    other = any(word.startswith(("--config", "-C")) for word in further)  # so the run may be another one
    return make(given.words, options), None if other else commands.find_folder(commands.split_words(given.words)[0])


def main(words: list[str]) -> None:
    cut = words.index("--") if "--" in words else len(words)
    further = words[cut + 1 :]
    given = make_parser().parse_args(words[:cut])
    try:
        lines, folder = make_lines(given, further)
    except errors.UserError as error:
        print(*(f"error: {line}" for line in str(error).splitlines()), sep="\n", file=sys.stderr)
        sys.exit(2)
    if folder and not FREE.intersection(further):
        try:
            locks.reserve(folder, lines[0])
        except errors.UserError as error:
            errors.fail(str(error))
    text = " &&\n    ".join(map(shlex.join, lines))
    print(f"running: {text}", flush=True)
    # This process becomes the command, so that a signal reaches it.
    program = lines[0] if len(lines) == 1 else ["sh", "-c", text]
    os.execvp(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
