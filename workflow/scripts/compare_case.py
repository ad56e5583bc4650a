"""Score a test case as one method segments it: Dice, surface Dice, 95 % Hausdorff distance and error of the volume."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.method_scores import COMPARISON_COLUMNS, make_rows, score_method
from kidney_tumor.data.places import check_places
from kidney_tumor.data.segmentations import Segmentation, list_segmentations, read_values
from kidney_tumor.volumes.masks import read_label_masks

import pandas as pd


@cli.run_main("case", "label", "image", output="table with a row for each file and target, .tsv")
@cli.take_option("method", required=True, help="name of the method")
@cli.take_segmentation("prediction", "label volumes that the method predicts, one for each split")
@cli.take_option("problem", default="", help="why there is no prediction")
def main(arguments: cli.Arguments) -> None:
    names, options = (arguments.method, arguments.case), vars(arguments)
    if arguments.problem:
        missing = Segmentation([], read_values(options, "prediction"))
        rows = make_rows(*names, missing, missing.targets, {}, arguments.problem)
        table = pd.DataFrame(rows, columns=COMPARISON_COLUMNS)
    else:
        check_places(arguments.image, arguments.label)
        truth = read_label_masks(arguments.label)
        table = score_method(*names, truth, arguments.image, list_segmentations(options, "prediction"))
    tables.write_table(arguments.output, table.assign(absent=", ".join(arguments.prediction_absent)))
    for problem in table["problem"].loc[table["problem"] != ""].unique():
        print(f"warning: {arguments.method}: {arguments.case} is left out: {problem}")
