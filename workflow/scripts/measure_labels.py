"""Measure the kidneys and tumors of the label volumes: volumes, diameters, contact and shape."""

from kidney_tumor import cli, rows
from kidney_tumor.analysis.morphometry import measure_label
from kidney_tumor.data import remedies
from kidney_tumor.data.arrays import write_arrays


@cli.run_main("postprocess.min_component_voxels", "root", "cases", output="table with a row for each case, .tsv")
@cli.take_file("slices", "each case's slice with the largest axial diameter, .npz")
@cli.take_option("threads", type=int, default=1, help="number of label volumes to measure at once")
def main(arguments: cli.Arguments) -> None:
    calls = [
        (arguments.root / case / "segmentation.nii.gz", arguments.min_component_voxels) for case in arguments.cases
    ]
    measured = remedies.collect_in_parallel(measure_label, calls, arguments.threads)
    pairs = list(zip(arguments.cases, measured, strict=True))
    write_arrays(arguments.slices, {case: axial for case, (_, axial) in pairs})
    rows.write_rows(arguments.output, [{"case": case, "stage": "truth", **measures} for case, (measures, _) in pairs])
