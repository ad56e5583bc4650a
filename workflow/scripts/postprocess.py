"""Filter the two raw masks of a case by anatomy and tumor shape, and merge them into one segmentation."""

import kits.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kits import cli
from kits.data.nifti import read_geometry, write_volume
from kits.filter.masks import read_mask
from kits.filter.options import FilterOptions
from kits.filter.postprocessing import postprocess

LISTED = 5
"""The number of largest tumor components that are reported."""
REASONS = {"large": "too small", "shaped": "ratio out of range", "inside": "too little inside the kidney mask"}
"""The reason that is reported for a component that fails a constraint."""


def main(arguments: argparse.Namespace) -> None:
    ratios = cli.read_json(arguments.ratio_range, "low", "high")
    filtered = postprocess(
        read_mask(arguments.kidney),
        read_mask(arguments.tumor),
        (ratios["low"], ratios["high"]),
        cli.read_options(arguments, FilterOptions),
    )
    write_volume(arguments.output, filtered.segmentation, read_geometry(arguments.kidney).stored_affine)
    tests = filtered.tests
    for name, kept in (("kidney", filtered.kept_kidneys), ("tumor", tests.kept)):
        print(f"{arguments.output.name}: {name} components: {len(kept)} found, {kept.sum()} kept")
    for tumor in tests[(-tests.voxels).argsort(kind="stable")[:LISTED]]:
        failed = [words for name, words in REASONS.items() if not tumor[name]]
        verdict = f"removed: {', '.join(failed)}" if failed else "kept"
        print(
            f"{arguments.output.name}: tumor of {tumor.voxels} voxels, ratio {tumor.ratio:.2f}, "
            f"{tumor.overlap:.1%} inside the kidney mask: {verdict}"
        )


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--kidney", type=Path, required=True, help="raw mask of kidney + tumor, .nii.gz")
    parser.add_argument("--tumor", type=Path, required=True, help="raw mask of the tumor, .nii.gz")
    parser.add_argument("--ratio-range", type=Path, required=True, help="range of ratios, ratio_range.json")
    cli.add_options(parser, FilterOptions, without={"percentiles"})
    parser.add_argument("--output", type=Path, required=True, help="segmentation with the labels 0, 1 and 2, .nii.gz")
    cli.run(main, parser)
