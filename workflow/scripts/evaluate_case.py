"""Score a case as one method segments it against its label, without an image."""

from kidney_tumor import cli, tables
from kidney_tumor.analysis.evaluation import evaluate_case, write_views
from kidney_tumor.analysis.method_scores import set_conventions
from kidney_tumor.data.segmentations import list_segmentations


@cli.run_main(
    "evaluate.both_empty",
    "evaluate.kidney_tolerance_mm",
    "evaluate.tumor_tolerance_mm",
    "postprocess.min_component_voxels",
    "case",
    output="table with a row for each target, .tsv",
)
@cli.take_option("method", required=True, help="name of the method")
@cli.take_segmentation("truth", "label volume of the case")
@cli.take_segmentation("prediction", "label volume that the method predicts")
@cli.take_file("output-lesions", "table with a row for each tumor, .tsv")
@cli.take_file("output-views", "slices to look at, .npz")
def main(arguments: cli.Arguments) -> None:
    options = vars(arguments)
    (truth,), (prediction,) = (list_segmentations(options, name) for name in ("truth", "prediction"))
    found = evaluate_case(
        arguments.method,
        arguments.case,
        truth,
        prediction,
        set_conventions(options),
        arguments.min_component_voxels,
    )
    absent = [*arguments.prediction_absent, *(f"{name} (truth)" for name in arguments.truth_absent)]
    tables.write_table(arguments.output, found.scores.assign(absent=", ".join(absent)))
    tables.write_table(arguments.output_lesions, found.lesions)
    write_views(arguments.output_views, found.views)
    for problem in found.scores["problem"].loc[found.scores["problem"] != ""].unique():
        print(f"warning: {arguments.method}: {arguments.case} is left out: {problem}")
