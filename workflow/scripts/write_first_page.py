"""Write the first page of the report, in HTML, from a run's tables and figures."""

import json

from kidney_tumor import cli, files
from kidney_tumor.report import first_page
from kidney_tumor.tables import read_tables

import pandas as pd


def main(arguments: cli.Arguments) -> None:
    folder = arguments.results
    claims = pd.read_csv(folder / "summary.tsv", sep="\t", dtype={"section": str, "paper": str, "here": str})
    records = {}
    for path in arguments.records:
        name = path.relative_to(folder).as_posix().replace("models/", "").removesuffix(".json")
        records[name] = files.read_json(path, "device", "started", "seconds", "epochs_run", "commit")
    parts = [
        f"<style>{arguments.style.read_text()}</style>",  # for a report made without --report-stylesheet
        first_page.show_effect(read_tables([folder / "effect.tsv"]), folder / "figures/fig3.svg"),
        first_page.show_dice(read_tables([folder / "dice.tsv"])),
        first_page.show_references(folder / "figures/references.svg"),
        first_page.show_viewers([path.relative_to(folder).as_posix() for path in arguments.viewers]),
        first_page.show_claims(claims),
        first_page.show_ceiling(read_tables([folder / "ceiling_summary.tsv"])),
        first_page.show_ablation(folder / "figures/ablation.svg"),
        first_page.show_origin(arguments.name, records, json.loads(arguments.changes), arguments.deviations),
    ]
    if arguments.source == "phantom":
        parts.insert(1, "<p><strong>Phantoms, not patients: nothing here is a result on KiTS19.</strong></p>")
    files.write_text(arguments.output, "\n".join(parts) + "\n")


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, output="page to write, .html")
    cli.add_shared(parser, "source")
    cli.add_file(parser, "results", "folder of the run")
    parser.add_argument("--name", required=True, help="name of the run")
    cli.add_file(parser, "records", "records of the models, .json", nargs="+")
    parser.add_argument("--changes", default="{}", help="JSON with the keys that differ, each with both values")
    parser.add_argument("--deviations", nargs="*", default=[], help="keys whose values are not the paper's")
    cli.add_file(parser, "viewers", "pages of the cases, .html", nargs="*", default=[], required=False)
    cli.add_file(parser, "style", "stylesheet")
    cli.run(main, parser)
