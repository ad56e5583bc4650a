"""Measure the kidneys and tumors of a case's label volume: volumes, diameters, contact and shape."""

import kidney_tumor.interrupt  # noqa: F401

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from kidney_tumor import cli, files, tables
from kidney_tumor.analysis.morphometry import cut_axial_slice, measure_masks
from kidney_tumor.volumes.masks import read_label_masks
from kidney_tumor.volumes.nifti import read_geometry


def main(arguments: argparse.Namespace) -> None:
    kidney, tumor = read_label_masks(arguments.label)
    spacing = read_geometry(arguments.label).spacing
    measures, axial = measure_masks(kidney, tumor, spacing, arguments.min_component_voxels)
    with files.write_atomically(arguments.slice) as temporary:
        np.savez_compressed(temporary, **cut_axial_slice(kidney, tumor, axial, spacing))
    tables.write_table(arguments.output, pd.DataFrame([{"case": arguments.case, "stage": "truth", **measures}]))


if __name__ == "__main__":
    parser = cli.make_parser(__doc__, "postprocess.min_component_voxels")
    parser.add_argument("--case", required=True, help="name of the case")
    parser.add_argument("--label", type=Path, required=True, help="label volume, .nii.gz")
    parser.add_argument("--slice", type=Path, required=True, help="slice with the largest axial diameter, .npz")
    parser.add_argument("--output", type=Path, required=True, help="table of the measures, .tsv")
    cli.run(main, parser)
