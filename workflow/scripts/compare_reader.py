"""Compare a second reading of the cases' labels with the first, before and after the filter."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.readers import COLUMNS, compare_case
from kidney_tumor.data import remedies
from kidney_tumor.filter.constraints import FilterOptions
from kidney_tumor.filter.postprocessing import read_ratio_range
from kidney_tumor.schema import fill_dataclass

import pandas as pd


@cli.run_main("postprocess", "root", "cases", without=["percentiles", "ratio_cases", "ratio_unit"])
@cli.take_file("output", "table with a row for each case, .tsv")
@cli.take_file("labels", "second label volume of each case, in the order of the cases", nargs="+")
@cli.take_option("kidney-values", type=int, nargs="*", help="labels that mean kidney there; all others are nothing")
@cli.take_option("tumor-values", type=int, nargs="*", help="labels that mean tumor there, with --kidney-values")
@cli.take_file("ratio-range", "range of ratios, ratio_range.json; without it, any ratio", required=False)
@cli.take_option("threads", type=int, default=1, help="number of cases to compare at once")
def main(arguments: cli.Arguments) -> None:
    values = {"kidney": arguments.kidney_values, "tumor": arguments.tumor_values} if arguments.tumor_values else None
    ratios = read_ratio_range(arguments.ratio_range) if arguments.ratio_range else None
    options = fill_dataclass(FilterOptions, vars(arguments) | {"percentiles": None})
    calls = [
        (case, arguments.root / case / "segmentation.nii.gz", other, values, ratios, options)
        for case, other in zip(arguments.cases, arguments.labels, strict=True)
    ]
    rows = remedies.collect_in_parallel(compare_case, calls, arguments.threads)
    tables.write_table(arguments.output, pd.DataFrame(rows, columns=COLUMNS))
