"""Filter the raw masks of a case with each variant of the filter, and score the results."""

import json

from kidney_tumor import cli, rows
from kidney_tumor.analysis.ablation import score_variants
from kidney_tumor.data.cohort import parse_case
from kidney_tumor.filter.constraints import FilterOptions
from kidney_tumor.schema import fill_dataclass

import numpy as np


@cli.run_main("postprocess.ratio_unit", "case", "label", "kidney", "tumor", "components")
@cli.take_file("output", "table with a row for each variant and target, .tsv")
@cli.take_option("cases", type=parse_case, nargs="+", help="cases whose tumors count; all by default")
@cli.take_option("variants", nargs="+", type=json.loads, required=True, help="options of the filter, each as JSON")
def main(arguments: cli.Arguments) -> None:
    column = f"ratio_{arguments.ratio_unit}"
    components = rows.read_rows(arguments.components, "case", column)
    counted = [row for row in components if not arguments.cases or row["case"] in arguments.cases]
    ratios = np.array([float(row[column]) for row in counted])
    variants = [fill_dataclass(FilterOptions, variant) for variant in arguments.variants]
    files = arguments.kidney, arguments.tumor, arguments.label
    scores = score_variants(*files, ratios, arguments.ratio_unit, variants)
    rows.write_rows(arguments.output, [{"case": arguments.case} | score for score in scores])
