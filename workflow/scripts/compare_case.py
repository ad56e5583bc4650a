"""Score a test case as one method segments it: Dice, surface Dice and error of the volume."""

import pandas as pd

from kidney_tumor import cli, tables
from kidney_tumor.analysis.method_scores import COMPARISON_COLUMNS, list_targets, score_files, score_organs
from kidney_tumor.data.places import check_places
from kidney_tumor.volumes.masks import read_label_masks


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


def _pair(kidney: list | None, tumor: list | None) -> dict[str, list] | None:
    """Pair what means kidney and what means tumor; None if neither is given."""
    parts = {part: given for part, given in (("kidney", kidney), ("tumor", tumor)) if given is not None}
    return parts or None


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, output="table with a row for each file and target, .tsv")
    cli.add_shared(parser, "case", "label", "image")
    parser.add_argument("--method", required=True, help="name of the method")
    cli.add_file(
        parser, "segmentations", "the method's label volumes, one for each split", nargs="*", default=[], required=False
    )
    parser.add_argument("--problem", default="", help="why there is no label volume")
    parser.add_argument("--kidney-values", type=int, nargs="*", help="labels that mean kidney; all others are nothing")
    parser.add_argument("--tumor-values", type=int, nargs="*", help="labels that mean tumor, with --kidney-values")
    cli.add_file(parser, "kidney-files", "masks of kidneys, in place of a label volume", nargs="*", required=False)
    cli.add_file(parser, "tumor-files", "masks of tumors; without one, none was found", nargs="*", required=False)
    parser.add_argument("--absent", nargs="*", default=[], help="organs without a mask, since none was found")
    cli.run(main, parser)
