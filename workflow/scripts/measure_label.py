"""Measure the kidneys and tumors of a case's label volume: volumes, diameters, contact and shape."""

from kidney_tumor import cli, files, rows
from kidney_tumor.analysis.morphometry import cut_axial_slice, measure_masks
from kidney_tumor.volumes.masks import read_label_masks
from kidney_tumor.volumes.nifti import read_geometry

import numpy as np


@cli.run_main("postprocess.min_component_voxels", "case", "label", output="table of the measures, .tsv")
@cli.take_file("slice", "slice with the largest axial diameter, .npz")
def main(arguments: cli.Arguments) -> None:
    kidney, tumor = read_label_masks(arguments.label)
    spacing = read_geometry(arguments.label).spacing
    measures, axial = measure_masks(kidney, tumor, spacing, arguments.min_component_voxels)
    with files.write_atomically(arguments.slice) as temporary:
        np.savez_compressed(temporary, **cut_axial_slice(kidney, tumor, axial, spacing))
    rows.write_rows(arguments.output, [{"case": arguments.case, "stage": "truth", **measures}])
