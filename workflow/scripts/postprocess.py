"""Filter the two raw masks of a case by anatomy and tumor shape, and merge them into one segmentation."""

import argparse
from pathlib import Path

from kits import cli
from kits.nifti import read_geometry, write_volume
from kits.postprocessing import postprocess
from kits.runs import read_mask_runs

LISTED = 5
"""The largest tumor components whose fate is printed."""


def main(arguments: argparse.Namespace) -> None:
    ratios = cli.read_json(arguments.ratio_range, "low", "high")
    filtered = postprocess(
        read_mask_runs(arguments.kidney),
        read_mask_runs(arguments.tumor),
        (ratios["low"], ratios["high"]),
        kidney_components=arguments.kidney_components,
        min_component_voxels=arguments.min_component_voxels,
        tumor_kidney_overlap=arguments.tumor_kidney_overlap,
        closing_iterations=arguments.closing_iterations,
    )
    write_volume(arguments.output, filtered.segmentation, read_geometry(arguments.kidney).affine)
    tests = filtered.tests
    for name, kept in (("kidney", filtered.kept_kidneys), ("tumor", tests.kept)):
        print(f"{arguments.output.name}: {name} components: {len(kept)} found, {kept.sum()} kept")
    for tumor in tests[(-tests.voxels).argsort(kind="stable")[:LISTED]]:
        print(
            f"{arguments.output.name}: tumor of {tumor.voxels} voxels, ratio {tumor.ratio:.2f}, "
            f"{tumor.overlap:.1%} inside the kidney mask: {'kept' if tumor.kept else 'removed'}"
        )


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--kidney", type=Path, required=True, help="raw kidney + tumor mask, .nii.gz")
    parser.add_argument("--tumor", type=Path, required=True, help="raw tumor mask, .nii.gz")
    parser.add_argument("--ratio-range", type=Path, required=True, help="ratio_range.json")
    parser.add_argument("--kidney-components", type=int, default=2, help="largest kidney components kept")
    parser.add_argument("--min-component-voxels", type=int, default=10, help="smallest tumor component kept")
    parser.add_argument(
        "--tumor-kidney-overlap",
        type=float,
        default=0.95,
        help="least share inside the kidney mask",
    )
    parser.add_argument("--closing-iterations", type=int, default=0, help="binary closing before holes are filled")
    parser.add_argument("--output", type=Path, required=True, help="labels 0, 1, 2, .nii.gz")
    cli.run(main, parser)
