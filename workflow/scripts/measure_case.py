"""Measure the kidneys and tumors of a segmented case: the true ones, and those before and after post-processing."""

import pandas as pd

from kidney_tumor import cli, tables
from kidney_tumor.analysis.morphometry import measure_masks
from kidney_tumor.data.stages import read_stages


def main(arguments: cli.Arguments) -> None:
    stages, grid = read_stages(arguments.kidney, arguments.tumor, arguments.segmentation, arguments.label)
    least = arguments.min_component_voxels
    rows = [
        {"case": arguments.case, "stage": stage, **measure_masks(*pair, grid.spacing, least)[0]}
        for stage, pair in stages.items()
    ]
    tables.write_table(arguments.output, pd.DataFrame(rows))


if __name__ == "__main__":
    parser = cli.make_parser(
        __doc__, "postprocess.min_component_voxels", output="table with a row for truth, before and after, .tsv"
    )
    cli.add_shared(parser, "case", "label", "kidney", "tumor", "segmentation")
    cli.run(main, parser)
