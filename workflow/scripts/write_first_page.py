"""Write the first page of the report, in HTML, from a run's tables and figures."""

import json

from kidney_tumor import cli, files
from kidney_tumor.report.first_page import write_page


@cli.run_main("source", output="page to write, .html")
@cli.take_file("template", "the page's template, first_page.html")
@cli.take_file("results", "folder of the run")
@cli.take_option("name", required=True, help="name of the run")
@cli.take_file("records", "records of the models, .json", nargs="+")
@cli.take_option("changes", default="{}", help="JSON with the keys that differ, each with both values")
@cli.take_option("deviations", nargs="*", default=[], help="keys whose values are not the paper's")
@cli.take_file("viewers", "pages of the cases, .html", nargs="*", default=[], required=False)
@cli.take_file("style", "stylesheet")
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
