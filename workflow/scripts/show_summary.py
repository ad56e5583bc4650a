"""Print a run's Dice before and after post-processing, what that changed, and where its figure and report lie."""

import shlex

from kidney_tumor import cli, errors
from kidney_tumor.analysis.summary import describe_effect

import pandas as pd


@cli.run_main()
@cli.take_file("run", "folder of the run, results/<run>")
def main(arguments: cli.Arguments) -> None:
    if not (arguments.run / "dice.tsv").exists():
        raise errors.UserError(f"{arguments.run} holds no results yet; run snakemake first")
    summary = pd.read_csv(arguments.run / "dice.tsv", sep="\t").set_index(["target", "stage"])
    print(f"\nDice on the test cases of {arguments.run}:\n")
    print(summary[["n", "median", "mean", "found", "emptied"]].sort_index(ascending=[True, False]).round(3).to_string())
    print(
        "\nfound: cases with a Dice above 0; emptied: cases in which post-processing removed all that was predicted\n"
    )
    for _, row in pd.read_csv(arguments.run / "effect.tsv", sep="\t").iterrows():
        print(describe_effect(row))
    print(
        "\nMean change with its 95 % bootstrap interval; p: signed-rank test. Higher or lower is said only where the\n"
        "interval excludes 0 and p is below 0.05.\n"
    )
    figure, report = arguments.run / "figures" / "fig3.png", arguments.run / "report.html"
    if figure.exists():
        print(f"figure: {figure}")
    # The last is written after each complete run.
    results = [arguments.run / name for name in ("dice.tsv", "figures/fig3.png", "first_page.html", "provenance.json")]
    written = max(path.stat().st_mtime for path in results if path.exists())
    if report.exists() and report.stat().st_mtime > written:
        print(f"report: {report}")
    else:
        state = "older than these results" if report.exists() else "not written yet"
        made = f"`make report RUN={shlex.quote(arguments.run.name)}` writes it"
        print(f"report: {state}; {made}, `snakemake --report report.html` in a workflow that imports this one")
