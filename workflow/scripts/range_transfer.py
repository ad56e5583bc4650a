"""Try the range of ratios of each cohort on the others, and on its own patients one by one."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.transfer import SLICES, describe_transfer, tabulate_ranges, tabulate_transfer
from kidney_tumor.errors import UserError
from kidney_tumor.figures.transfer import plot_transfer


@cli.run_main("postprocess.percentiles", "statistics.seed", "source", output="table of lost tumors and patients, .tsv")
@cli.take_file("components", "tables of measure_tumors.py and measure_cohort.py, one for each cohort", nargs="+")
@cli.take_option("names", nargs="+", required=True, help="names of the cohorts, in the order of the tables")
@cli.take_file("output-ranges", "table of the ranges, .tsv")
@cli.take_file("figure", "figures of ratios and shares, .png or .svg", nargs="+")
def main(arguments: cli.Arguments) -> None:
    if not arguments.percentiles:
        raise UserError("postprocess.percentiles is null, so there is no range to try; set it to [5, 95], as the paper")
    columns = ("voxels", "ratio_voxel", "ratio_mm", "slice_mm", "ratio_thin")
    cohorts = {
        name: tables.read_tables([path], "case", *columns, texts=["case"])
        for name, path in zip(arguments.names, arguments.components, strict=True)
    }
    transfer = tabulate_transfer(cohorts, arguments.percentiles, arguments.seed)
    ranges = tabulate_ranges(cohorts, arguments.percentiles, arguments.seed)
    tables.write_table(arguments.output, transfer)
    tables.write_table(arguments.output_ranges, ranges)
    plot_transfer(cohorts, ranges, transfer, arguments.source == "phantom", arguments.figure)
    for _, rows in transfer[transfer["slices"] == SLICES[0]].groupby(
        ["range_of", "tumors_of", "ratio_unit"], sort=False
    ):
        print(describe_transfer(rows))
