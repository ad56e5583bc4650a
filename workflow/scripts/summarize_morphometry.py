"""Collect the measures of all cases, and compare those of the networks' masks with the truth and the stated sizes."""

from kidney_tumor import cli, tables
from kidney_tumor.data.measures import MEASURES
from kidney_tumor.figures.morphometry import plot_errors, plot_volumes
from kidney_tumor.patients.agreement import pair_errors, tabulate_mask_agreement

import pandas as pd


@cli.run_main("statistics.seed", "measures", "scores", "source", output="table of all cases, .tsv")
@cli.take_file("cases", "tables of measures of score.py", nargs="+")
@cli.take_file("record", "table of read_record.py, if there is a clinical record", required=False)
@cli.take_file("output-agreement", "table of agreement, .tsv")
@cli.take_file("figure", "Bland-Altman plots of the tumor volume, .png")
@cli.take_file("figure-errors", "error of the diameter over the Dice, .png")
def main(arguments: cli.Arguments) -> None:
    truth = tables.read_tables([arguments.measures], "case", *MEASURES)
    masks = tables.read_tables(arguments.cases, "case", *MEASURES)
    scores = tables.read_tables([arguments.scores], "case", "dice")
    record = None
    if arguments.record:
        record = tables.read_tables([arguments.record], "case", "radiographic_mm").set_index("case")
    split = ["split"] if "split" in masks else []
    columns = [*split, "case", "stage", *MEASURES]
    table = pd.concat([truth[~truth["case"].isin(masks["case"])], masks]).sort_values(
        ["case", *split], kind="stable", na_position="first"
    )
    tables.write_table(arguments.output, table[columns])
    agreement = tabulate_mask_agreement(masks, record, arguments.seed)
    tables.write_table(arguments.output_agreement, agreement)
    phantom = arguments.source == "phantom"
    plot_volumes(masks, phantom, arguments.figure)
    readers = None
    if record is not None:
        rows = agreement.set_index(["stage", "measure", "reference"])
        limits = rows.loc[("truth", "tumor_axial_mm", "radiographic_mm"), ["lower", "upper"]]
        readers = float(limits["upper"] - limits["lower"]) / 2 if limits.notna().all() else None
    plot_errors(pair_errors(masks, scores), readers, phantom, arguments.figure_errors)
