"""Draw the slice of a case with the most tumor: image, true labels, before and after post-processing."""

from kidney_tumor import cli
from kidney_tumor.data.slices import open_slices, resize
from kidney_tumor.data.stages import merge, read_stages
from kidney_tumor.figures.slices import plot_slice


@cli.run_main(
    "slices.hu_window", "slices.tumor_rows", "kidney", "tumor", "segmentation", "source", output="figure, .png"
)
@cli.take_file("slices", "folder of the case's extracted slices")
def main(arguments: cli.Arguments) -> None:
    stored = open_slices(arguments.slices)
    size, labels = stored.images.shape[2], {"truth": stored.labels}
    stages, _ = read_stages(arguments.kidney, arguments.tumor, arguments.segmentation)
    for stage, masks in stages.items():
        labels[f"{stage} post-processing"] = resize(merge(*masks), size, size)
    window, rows = arguments.hu_window, arguments.tumor_rows
    phantom = arguments.source == "phantom"
    plot_slice(arguments.slices.name, stored.images, labels, window, stored.geometry, phantom, arguments.output, rows)
