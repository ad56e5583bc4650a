"""Measure every connected component of the labeled tumors: its voxels, its eigenvalues and their ratio."""

from concurrent.futures import ProcessPoolExecutor

from kidney_tumor import cli, files
from kidney_tumor.data import remedies
from kidney_tumor.filter.tumors import measure_tumors

import pandas as pd


@cli.run_main("postprocess.min_component_voxels", "root", "cases", output="table with a row for each component, .tsv")
@cli.take_option("threads", type=int, default=1, help="number of label volumes to measure at once")
def main(arguments: cli.Arguments) -> None:
    labels = [arguments.root / case / "segmentation.nii.gz" for case in arguments.cases]
    with ProcessPoolExecutor(arguments.threads) as pool:
        jobs = [pool.submit(measure_tumors, label, arguments.min_component_voxels).result for label in labels]
        tables = remedies.collect(jobs)
    table = pd.concat(tables, keys=arguments.cases, names=["case", "component"])
    with files.write_atomically(arguments.output) as temporary:
        table.to_csv(temporary, sep="\t")
