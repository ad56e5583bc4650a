"""Draw Figure 4, the surfaces of the case from which the filter removed most false positives, before and after."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kidney_tumor import cli, tables
from kidney_tumor.analysis.scoring import SCORE_COLUMNS
from kidney_tumor.data.places import check_places
from kidney_tumor.figures.cases import find_most_filtered, plot_surfaces
from kidney_tumor.filter.postprocessing import merge
from kidney_tumor.volumes.labels import read_label
from kidney_tumor.volumes.masks import read_mask


def main(arguments: argparse.Namespace) -> None:
    chosen = find_most_filtered(tables.read_tables([arguments.scores], *SCORE_COLUMNS))
    run = arguments.run / f"split_{chosen['split']}" if "split" in chosen else arguments.run
    after = run / "segmentations" / f"{chosen['case']}.nii.gz"
    raw = [run / "predictions" / chosen["case"] / f"{name}.nii.gz" for name in ("kidney", "tumor")]
    spacing = check_places(after, *raw).spacing
    plot_surfaces(chosen["case"], merge(*map(read_mask, raw)), read_label(after), spacing, arguments.output)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--scores", type=Path, required=True, help="scores.tsv, from whose cases one is chosen")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run with predictions and segmentations")
    parser.add_argument("--output", type=Path, required=True, help="figure, .png")
    cli.run(main, parser)
