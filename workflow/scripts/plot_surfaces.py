"""Draw Figure 4, the surfaces of the case from which the filter removed most false positives, before and after."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.scoring import SCORE_COLUMNS
from kidney_tumor.analysis.summary import find_most_filtered
from kidney_tumor.data.stages import merge, read_stages
from kidney_tumor.figures.surfaces import plot_surfaces


@cli.run_main("scores", "source", output="figure, .png")
@cli.take_file("run", "folder of the run with predictions and segmentations")
def main(arguments: cli.Arguments) -> None:
    chosen = find_most_filtered(tables.read_tables([arguments.scores], *SCORE_COLUMNS))
    run = arguments.run / f"split_{chosen['split']}" if "split" in chosen else arguments.run
    raw = [run / "predictions" / chosen["case"] / f"{name}.nii.gz" for name in ("kidney", "tumor")]
    stages, grid = read_stages(*raw, run / "segmentations" / f"{chosen['case']}.nii.gz")
    before, after = (merge(*masks) for masks in stages.values())
    phantom = arguments.source == "phantom"
    plot_surfaces(chosen["case"], before, after, grid.spacing, phantom, arguments.output)
