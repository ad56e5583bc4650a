"""Score a case: compute the Dice of kidney + tumor and of tumor, before and after post-processing."""

from kidney_tumor import cli, rows
from kidney_tumor.analysis.scoring import score_case
from kidney_tumor.data.stages import read_stages


@cli.run_main("case", "label", "kidney", "tumor", "segmentation")
@cli.take_file("output", "table with a row for each stage and target, .tsv")
def main(arguments: cli.Arguments) -> None:
    stages, _ = read_stages(arguments.kidney, arguments.tumor, arguments.segmentation, arguments.label)
    rows.write_rows(arguments.output, score_case(arguments.case, **stages))
