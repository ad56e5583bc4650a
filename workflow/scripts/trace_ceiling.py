"""Send a case's true masks through the method's own steps: how much Dice each costs. Needs no image."""

import argparse
from dataclasses import asdict
from pathlib import Path

import numpy as np

from kits import cli, tables
from kits.ceiling import trace


def main(arguments: argparse.Namespace) -> None:
    ratios = cli.read_json(arguments.ratio_range, "low", "high")
    table, loss = trace(
        arguments.case,
        arguments.label,
        arguments.size,
        (ratios["low"], ratios["high"]),
        kidney_components=arguments.kidney_components,
        min_component_voxels=arguments.min_component_voxels,
        tumor_kidney_overlap=arguments.tumor_kidney_overlap,
        closing_iterations=arguments.closing_iterations,
    )
    with cli.atomic(arguments.slice) as temporary:
        np.savez_compressed(temporary, **asdict(loss))
    tables.write(arguments.output, table)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--case", required=True, help="its name, for the table")
    parser.add_argument("--label", type=Path, required=True, help="true labels, .nii.gz")
    parser.add_argument("--size", type=int, default=256, help="rows and columns that the networks see")
    parser.add_argument("--ratio-range", type=Path, required=True, help="ratio_range.json")
    parser.add_argument("--kidney-components", type=int, default=2, help="largest kidney components kept")
    parser.add_argument("--min-component-voxels", type=int, default=10, help="smallest tumor component kept")
    parser.add_argument("--tumor-kidney-overlap", type=float, default=0.95, help="least share inside the kidney mask")
    parser.add_argument("--closing-iterations", type=int, default=0, help="binary closing before holes are filled")
    parser.add_argument("--slice", type=Path, required=True, help="the slice that loses most, .npz")
    parser.add_argument("--output", type=Path, required=True, help="a row for each target and step, .tsv")
    cli.run(main, parser)
