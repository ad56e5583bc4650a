"""Write the first page of the report, in HTML, from a run's tables and figures."""

import kidney_tumor.interrupt  # noqa: F401

import json

from kidney_tumor import cli, files
from kidney_tumor.report.first_page import write_page


def main(arguments: cli.Arguments) -> None:
    folder = arguments.results
    records = {}
    for path in arguments.records:
        name = path.relative_to(folder).as_posix().replace("models/", "").removesuffix(".json")
        records[name] = files.read_json(path, "device", "started", "seconds", "epochs_run", "commit")
    page = write_page(
        arguments.template,
        folder,
        [path.relative_to(folder).as_posix() for path in arguments.viewers],
        records,
        json.loads(arguments.changes),
        arguments.deviations,
        run=arguments.name,
        style=arguments.style.read_text(),
        is_phantom=arguments.source == "phantom",
    )
    files.write_text(arguments.output, page)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, output="page to write, .html")
    cli.add_shared(parser, "source")
    cli.add_file(parser, "template", "the page's template, first_page.html")
    cli.add_file(parser, "results", "folder of the run")
    parser.add_argument("--name", required=True, help="name of the run")
    cli.add_file(parser, "records", "records of the models, .json", nargs="+")
    parser.add_argument("--changes", default="{}", help="JSON with the keys that differ, each with both values")
    parser.add_argument("--deviations", nargs="*", default=[], help="keys whose values are not the paper's")
    cli.add_file(parser, "viewers", "pages of the cases, .html", nargs="*", default=[], required=False)
    cli.add_file(parser, "style", "stylesheet")
    cli.run(main, parser)
