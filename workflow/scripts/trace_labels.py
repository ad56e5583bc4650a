"""Send the cases' true masks, without their images, through the method's own steps."""

from dataclasses import asdict

from kidney_tumor import cli, rows
from kidney_tumor.analysis.trace import trace_case
from kidney_tumor.data import remedies
from kidney_tumor.data.arrays import write_arrays
from kidney_tumor.filter.constraints import FilterOptions
from kidney_tumor.filter.postprocessing import read_ratio_range
from kidney_tumor.schema import fill_dataclass


@cli.run_main(
    "slices.size",
    "slices.tumor_rows",
    "inference.restore",
    "postprocess",
    "root",
    "cases",
    without=["percentiles", "ratio_cases", "ratio_unit"],
)
@cli.take_file("output", "table with a row for each case, target and step, .tsv")
@cli.take_file("ratio-range", "range of ratios, ratio_range.json; without it, any ratio", required=False)
@cli.take_file("slices", "each case's slice that loses most, .npz")
@cli.take_option("threads", type=int, default=1, help="number of label volumes to trace at once")
def main(arguments: cli.Arguments) -> None:
    options = fill_dataclass(FilterOptions, vars(arguments) | {"percentiles": None})
    ratios = read_ratio_range(arguments.ratio_range) if arguments.ratio_range else None
    settings = arguments.size, arguments.tumor_rows, arguments.restore, ratios, options
    calls = [(case, arguments.root / case / "segmentation.nii.gz", *settings) for case in arguments.cases]
    traced = remedies.collect_in_parallel(trace_case, calls, arguments.threads)
    losses = {case: asdict(loss) for case, (_, loss) in zip(arguments.cases, traced, strict=True)}
    write_arrays(arguments.slices, losses)
    rows.write_rows(arguments.output, [row for steps, _ in traced for row in steps])
