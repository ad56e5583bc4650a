"""Summarize what the filter does to each second reading of the labels, and whether its verdict is the same."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.readers import COLUMNS, summarize_reader

import pandas as pd


@cli.run_main("statistics.seed", output="table with a row for each reader and measure, .tsv")
@cli.take_file("readers", "tables of compare_reader.py, one for each reader", nargs="+")
def main(arguments: cli.Arguments) -> None:
    cases = {path.stem: tables.read_tables([path], *COLUMNS, texts=["case"]) for path in arguments.readers}
    summary = pd.concat([summarize_reader(table, arguments.seed).assign(reader=name) for name, table in cases.items()])
    summary = summary[["reader", *(column for column in summary if column != "reader")]]
    tables.write_table(arguments.output, summary)
    for row in summary.itertuples():
        print(f"{row.reader}: {row.measure} {row.value:.3f} [{row.low:.3f}, {row.high:.3f}], n = {row.n}")
