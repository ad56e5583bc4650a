"""Measure every connected component of the labeled tumors: its voxels, its eigenvalues and their ratio."""

from kidney_tumor import cli, files
from kidney_tumor.filter.tumors import measure_cohort


@cli.run_main("postprocess.min_component_voxels", "root", "cases", output="table with a row for each component, .tsv")
@cli.take_option("threads", type=int, default=1, help="number of label volumes to measure at once")
def main(arguments: cli.Arguments) -> None:
    labels = {case: arguments.root / case / "segmentation.nii.gz" for case in arguments.cases}
    table = measure_cohort(labels, arguments.min_component_voxels, arguments.threads)
    with files.write_atomically(arguments.output) as temporary:
        table.to_csv(temporary, sep="\t")
