"""Collect the scores of all methods, compare each with this run, draw them, and name the cases that are left out."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis import comparison
from kidney_tumor.analysis.method_scores import COMPARISON_COLUMNS, TEXT_COLUMNS
from kidney_tumor.figures.comparison import plot_comparison


@cli.run_main("statistics.seed", output="table of all cases, .tsv")
@cli.take_file("folder", "folder of compare_case.py's <method>/<case>.tsv")
@cli.take_option("methods", nargs="+", required=True, help="names of the methods, that of this run first")
@cli.take_option("cases", nargs="+", required=True, help="names of the test cases")
@cli.take_file("output-summary", "table of means and medians, .tsv")
@cli.take_file("output-differences", "table of paired differences, .tsv")
@cli.take_file("figure", "figures of both Dice, .png or .svg", nargs="+")
def main(arguments: cli.Arguments) -> None:
    paths = [arguments.folder / method / f"{case}.tsv" for method in arguments.methods for case in arguments.cases]
    table = tables.read_tables(paths, *COMPARISON_COLUMNS, texts=TEXT_COLUMNS)
    summary = comparison.summarize_methods(table, arguments.seed)
    differences = comparison.compare_methods(table, arguments.seed)
    tables.write_table(arguments.output, table)
    tables.write_table(arguments.output_summary, summary)
    tables.write_table(arguments.output_differences, differences)
    plot_comparison(table, arguments.figure)
    for _, row in differences[differences["measure"] == "dice"].iterrows():
        print(comparison.describe_difference(row, arguments.methods[0]))
    for warning in comparison.list_warnings(table):
        print(f"warning: {warning}")
