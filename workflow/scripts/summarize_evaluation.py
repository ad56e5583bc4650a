"""Collect the scores of all methods, compare each with the first, draw them, and name the cases that are left out."""

from kidney_tumor import cli, files, tables
from kidney_tumor.analysis import comparison, evaluation
from kidney_tumor.analysis.lesions import LESION_COLUMNS, summarize_detection
from kidney_tumor.analysis.method_scores import COMPARISON_COLUMNS, TEXT_COLUMNS, set_conventions
from kidney_tumor.figures.comparison import plot_comparison, plot_worst


@cli.run_main(
    "statistics.seed",
    "evaluate.both_empty",
    "evaluate.kidney_tolerance_mm",
    "evaluate.tumor_tolerance_mm",
    output="table of all cases, .tsv",
)
@cli.take_file("folder", "folder of evaluate_case.py's <method>/<case>/")
@cli.take_option("truth", required=True, help="folder of the labels, by its name")
@cli.take_option("methods", nargs="+", required=True, help="names of the methods, with which the first is compared")
@cli.take_option("cases", nargs="+", required=True, help="names of the cases that have a label")
@cli.take_option("left-out", nargs=3, action="append", default=[], help="method, case, and why it is not evaluated")
@cli.take_option("unknown", nargs="+", action="append", default=[], help="method, and its cases without a label")
@cli.take_file("output-lesions", "table of all tumors, .tsv")
@cli.take_file("output-summary", "table of means and medians, .tsv")
@cli.take_file("output-differences", "table of paired differences, .tsv")
@cli.take_file("output-detection", "table of the tumors that are found, .tsv")
@cli.take_file("output-text", "all of it in some lines, .txt")
@cli.take_file("figure", "figures of the scores, .png or .svg", nargs="+")
@cli.take_file("figure-worst", "figure of the worst cases, .png")
def main(arguments: cli.Arguments) -> None:
    skipped = {(method, case) for method, case, _ in arguments.left_out}
    pairs = [(method, case) for method in arguments.methods for case in arguments.cases]
    folders = [arguments.folder / method / case for method, case in pairs if (method, case) not in skipped]
    scored = tables.read_tables([path / "scores.tsv" for path in folders], *COMPARISON_COLUMNS, texts=TEXT_COLUMNS)
    lesions = tables.read_tables(
        [path / "lesions.tsv" for path in folders], *LESION_COLUMNS, texts=["method", "case", "status"]
    )
    table = evaluation.add_left_out(scored, arguments.left_out, arguments.methods)
    summary = comparison.summarize_methods(table, arguments.seed)
    differences = comparison.compare_methods(table, arguments.seed)
    detection = summarize_detection(lesions, evaluation.list_detected(table), arguments.seed)
    tables.write_table(arguments.output, table)
    tables.write_table(arguments.output_lesions, lesions)
    tables.write_table(arguments.output_summary, summary)
    tables.write_table(arguments.output_differences, differences)
    tables.write_table(arguments.output_detection, detection)
    plot_comparison(table, arguments.figure, set_conventions(vars(arguments)).tolerances_mm)
    plot_worst(
        table,
        lambda method, case, target: evaluation.read_view(arguments.folder / method / case / "views.npz", target),
        arguments.figure_worst,
    )
    unmatched = evaluation.list_unmatched(arguments.left_out, len(arguments.cases), arguments.unknown)
    lines = [
        f"labels: {arguments.truth}, {len(arguments.cases)} cases",
        *(f"warning: {warning}" for warning in (*comparison.list_warnings(scored), *unmatched)),
        *evaluation.describe_methods(summary, detection),
        *(f"warning: {warning}" for warning in evaluation.list_unequal(summary)),
        "intervals are of 95 %; that of the mean of a Dice allows for failures too rare to be among these cases, so it",
        "is wide with few; most others are a bootstrap's, too narrow with few (docs/measures.md)",
    ]
    for _, row in differences[differences["measure"] == "dice"].iterrows():
        lines.append(comparison.describe_difference(row, arguments.methods[0]))
    lines.append(f"cases: {arguments.output}; means: {arguments.output_summary}; tumors: {arguments.output_lesions}")
    if len(differences):
        lines.append(f"differences of all measures: {arguments.output_differences}")
    lines.append(f"box plots: {arguments.figure[0]}; worst cases: {arguments.figure_worst}")
    files.write_text(arguments.output_text, "\n".join(lines) + "\n")
