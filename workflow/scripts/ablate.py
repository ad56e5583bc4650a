"""Filter the predictions of a run under another setting of the filter, and score them."""

import argparse
from pathlib import Path

import pandas as pd

from kits import ablation, cli, tables
from kits.settings import OFF


def main(arguments: argparse.Namespace) -> None:
    chosen = {name: getattr(arguments, name) for name in OFF}
    ratios = tables.read([arguments.components], "ratio")["ratio"].to_numpy(float)
    rows = [
        row
        for folder in arguments.predictions
        for row in ablation.score_case(
            folder,
            arguments.cohort / folder.name / "segmentation.nii.gz",
            ablation.Setting(**chosen),
            ratios,
            arguments.closing_iterations,
        )
    ]
    table = pd.DataFrame(rows, columns=["case", "target", "dice", "predicted_voxels"])
    tables.write(arguments.output, table.assign(**chosen)[[*chosen, *table.columns]])


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="folders of raw masks, one a case")
    parser.add_argument("--cohort", type=Path, required=True, help="cohort in KiTS19 layout")
    parser.add_argument("--components", type=Path, required=True, help="tumor_components.tsv")
    parser.add_argument("--fill-holes", choices=("on", "off"), default="on", help="off: no closing either")
    parser.add_argument("--kidney-components", default="2", help="largest kidney components kept, or off")
    parser.add_argument("--percentiles", default="5-95", help="of the ratios, or off: any shape")
    parser.add_argument("--tumor-kidney-overlap", default="0.95", help="least share inside the kidney mask; 0: off")
    parser.add_argument("--min-component-voxels", default="10", help="smallest tumor component kept; 1: off")
    parser.add_argument("--closing-iterations", type=int, default=0, help="binary closing before holes are filled")
    parser.add_argument("--output", type=Path, required=True, help="a row for each case and target, .tsv")
    cli.run(main, parser)
