"""Score a test case as one method segments it: Dice, surface Dice and error of the volume."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.method_scores import COMPARISON_COLUMNS, list_targets, score_files, score_organs
from kidney_tumor.data.places import check_places
from kidney_tumor.volumes.masks import read_label_masks

import pandas as pd


def _pair(kidney: list | None, tumor: list | None) -> dict[str, list] | None:
    """Pair what means kidney and what means tumor; None if neither is given."""
    parts = {part: given for part, given in (("kidney", kidney), ("tumor", tumor)) if given is not None}
    return parts or None


@cli.run_main("case", "label", "image", output="table with a row for each file and target, .tsv")
@cli.take_option("method", required=True, help="name of the method")
@cli.take_file("segmentations", "the method's label volumes, one for each split", nargs="*", default=[], required=False)
@cli.take_option("problem", default="", help="why there is no label volume")
@cli.take_option("kidney-values", type=int, nargs="*", help="labels that mean kidney; all others are nothing")
@cli.take_option("tumor-values", type=int, nargs="*", help="labels that mean tumor, with --kidney-values")
@cli.take_file("kidney-files", "masks of kidneys, in place of a label volume", nargs="*", required=False)
@cli.take_file("tumor-files", "masks of tumors; without one, none was found", nargs="*", required=False)
@cli.take_option("absent", nargs="*", default=[], help="organs without a mask, since none was found")
def main(arguments: cli.Arguments) -> None:
    names = arguments.method, arguments.case
    values = _pair(arguments.kidney_values, arguments.tumor_values)
    organs = _pair(arguments.kidney_files, arguments.tumor_files)
    if arguments.problem:
        rows = [(*names, target, arguments.problem) for target in list_targets(values)]
        table = pd.DataFrame(rows, columns=["method", "case", "target", "problem"]).reindex(columns=COMPARISON_COLUMNS)
        table["file"] = ""
    else:
        check_places(arguments.image, arguments.label)
        truth = read_label_masks(arguments.label)
        if organs:
            table = score_organs(*names, truth, arguments.image, organs)
        else:
            table = score_files(*names, truth, arguments.image, arguments.segmentations, values)
    table["absent"] = ", ".join(arguments.absent)
    tables.write_table(arguments.output, table)
    for problem in table["problem"].loc[table["problem"] != ""].unique():
        print(f"warning: {arguments.method}: {arguments.case} is left out: {problem}")
