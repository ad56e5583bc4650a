"""Measure every connected component of the labeled tumors of another cohort, like measure_tumors.py."""

from kidney_tumor import cli, files
from kidney_tumor.filter.tumors import measure_cohort

REMEDY = (
    "export it again, take it out of the folder, or say in transfer what its labels mean, as {folder: ..., tumor: [2]}"
)
"""What to do about a file that cannot be used."""
SHOWN = 3
"""The number of cases that are left out that are named."""


@cli.run_main("postprocess.min_component_voxels", output="table with a row for each component, .tsv")
@cli.take_file("labels", "label volume of each case", nargs="+")
@cli.take_option("cases", nargs="+", required=True, help="names of the cases, in the order of the labels")
@cli.take_option("left-out", nargs="*", default=[], help="names of cases that are left out, since this run has them")
@cli.take_option("tumor-values", type=int, nargs="*", help="labels that mean tumor; all others are nothing")
@cli.take_option("threads", type=int, default=1, help="number of label volumes to measure at once")
def main(arguments: cli.Arguments) -> None:
    if left_out := arguments.left_out:
        shown = ", ".join(left_out[:SHOWN]) + ", ..." * (len(left_out) > SHOWN)
        print(f"warning: {arguments.output.stem}: {len(left_out)} left out, since this run has cases named so: {shown}")
    labels = dict(zip(arguments.cases, arguments.labels, strict=True))
    values = {"kidney": [], "tumor": arguments.tumor_values} if arguments.tumor_values else None
    table = measure_cohort(labels, arguments.min_component_voxels, arguments.threads, values, REMEDY)
    with files.write_atomically(arguments.output) as temporary:
        table.to_csv(temporary, sep="\t")
