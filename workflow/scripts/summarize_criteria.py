"""Compare criteria by which a filter could tell the networks' true tumors from the false ones."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.candidates import measure_case
from kidney_tumor.analysis.criteria import tabulate_criteria
from kidney_tumor.data import remedies


@cli.run_main(
    "postprocess.kidney_components",
    "postprocess.min_component_voxels",
    "statistics.seed",
    "source",
    output="table with a row for each criterion, .tsv",
)
@cli.take_file("predictions", "folders of raw masks, one per case", nargs="+")
@cli.take_file("labels", "label volumes, one for each folder", nargs="+")
@cli.take_option("threads", type=int, default=1, help="number of cases to measure at once")
def main(arguments: cli.Arguments) -> None:
    limits = arguments.kidney_components, arguments.min_component_voxels
    calls = [
        (folder.name, folder, label, *limits)
        for folder, label in zip(arguments.predictions, arguments.labels, strict=True)
    ]
    cases = remedies.collect_in_parallel(measure_case, calls, arguments.threads)
    criteria = tabulate_criteria(cases, arguments.seed)
    tables.write_table(arguments.output, criteria.assign(source=arguments.source))
    for row in criteria.itertuples():
        print(
            f"{row.criterion}: AUC {row.auc:.2f} [{row.auc_low:.2f}, {row.auc_high:.2f}] of {row.true} true and "
            f"{row.false} false candidates; Dice {row.dice:.3f}, change {row.change:+.3f} [{row.change_low:+.3f}, "
            f"{row.change_high:+.3f}], n = {row.cases}"
        )
