"""Derive the range of accepted eigenvalue ratios from the labeled tumors."""

from kidney_tumor import cli, files, tables
from kidney_tumor.data.cohort import parse_case
from kidney_tumor.filter.postprocessing import derive_ratio_range

import numpy as np


@cli.run_main("postprocess.percentiles", "postprocess.ratio_unit", "components", output="range, .json")
@cli.take_option("cases", type=parse_case, nargs="+", help="cases whose tumors count; all by default")
def main(arguments: cli.Arguments) -> None:
    unit = arguments.ratio_unit
    components = tables.read_tables([arguments.components], "case", f"ratio_{unit}")
    if arguments.cases:
        components = components[components["case"].isin(arguments.cases)]
    ratios = components[f"ratio_{unit}"].to_numpy(float)
    measured = int(np.isfinite(ratios).sum())
    low, high = derive_ratio_range(ratios, arguments.percentiles) if arguments.percentiles else (None, None)
    record = {"low": low, "high": high, "unit": unit, "percentiles": arguments.percentiles, "components": measured}
    files.write_json(arguments.output, record)
    accepted = f"{low:.3f} to {high:.3f}" if arguments.percentiles else "any"
    print(f"{measured} tumor components: eigenvalue ratio in {unit} {accepted}")
