"""Write the page that shows all scans of a run, with a small picture of each and a link to its own page."""

from kidney_tumor import cli, files
from kidney_tumor.report.overview import write_overview


@cli.run_main(output="page to write, .html")
@cli.take_file("scans", "table of all scans, scans.tsv")
@cli.take_option("name", required=True, help="name of the run")
@cli.take_file("template", "the page's template, overview.html")
def main(arguments: cli.Arguments) -> None:
    files.write_text(arguments.output, write_overview(arguments.template, arguments.scans, arguments.name))
