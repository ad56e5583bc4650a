"""Score a case: compute the Dice before and after post-processing, and measure these masks and the true ones."""

from kidney_tumor import cli, rows
from kidney_tumor.analysis.morphometry import measure_masks
from kidney_tumor.analysis.scoring import score_case
from kidney_tumor.data.stages import read_stages


@cli.run_main("postprocess.min_component_voxels", "case", "label", "kidney", "tumor", "segmentation")
@cli.take_file("output", "table of the Dice, with a row for each stage and target, .tsv")
@cli.take_file("output-measures", "table of the measures, with a row for truth, before and after, .tsv")
def main(arguments: cli.Arguments) -> None:
    stages, grid = read_stages(arguments.kidney, arguments.tumor, arguments.segmentation, arguments.label)
    least = arguments.min_component_voxels
    found = [
        {"case": arguments.case, "stage": stage, **measure_masks(*pair, grid.spacing, least)[0]}
        for stage, pair in stages.items()
    ]
    rows.write_rows(arguments.output_measures, found)
    rows.write_rows(arguments.output, score_case(arguments.case, **stages))
