"""Filter the two raw masks of a case by anatomy and tumor shape, and merge them into one segmentation."""

from kidney_tumor import cli
from kidney_tumor.data.places import check_places, write_mask
from kidney_tumor.filter.candidates import describe_verdict, write_candidates
from kidney_tumor.filter.constraints import FilterOptions
from kidney_tumor.filter.postprocessing import look_swapped, postprocess, read_ratio_range
from kidney_tumor.schema import fill_dataclass
from kidney_tumor.volumes.masks import read_mask

import numpy as np

SEGMENTATION = "segmentation.nii.gz"
"""The name of the output of a scan, whose own name is that of the folder."""
LISTED = 5
"""The number of largest tumor components that are reported; of smaller ones, those that are kept are."""


@cli.run_main("postprocess", "kidney", "tumor", without=["percentiles", "ratio_cases", "ratio_unit"])
@cli.take_file("output", "segmentation with the labels 0, 1 and 2, .nii.gz")
@cli.take_file("ratio-range", "range of ratios, ratio_range.json; without it, any ratio", required=False)
@cli.take_file("candidates", "table of the tumor components, each with its verdict, .tsv", required=False)
def main(arguments: cli.Arguments) -> None:
    ratios = read_ratio_range(arguments.ratio_range) if arguments.ratio_range else None
    geometry = check_places(arguments.kidney, arguments.tumor)
    kidney, tumor = read_mask(arguments.kidney), read_mask(arguments.tumor)
    options = fill_dataclass(FilterOptions, vars(arguments) | {"percentiles": None})
    filtered = postprocess(kidney, tumor, geometry.spacing, ratios, options)
    write_mask(arguments.output, filtered.segmentation, geometry)
    if arguments.candidates:
        write_candidates(arguments.candidates, filtered)
    tests = filtered.tests
    path = arguments.output.resolve()
    name = path.parent.name if path.name == SEGMENTATION else path.name
    if not ratios:
        print(f"{name}: no tumor is removed for its shape, since no range of eigenvalue ratios is given")
    if look_swapped(kidney, tumor):
        print(
            f"warning: {name}: the kidney mask ({kidney.voxels} voxels) is mostly in the tumor mask ({tumor.voxels}); "
            "--kidney is that of kidney and tumor together, --tumor that of the tumor: are they swapped, or the same?"
        )
    elif not arguments.candidates and tumor.voxels and not kidney.count_common(tumor).any():
        print(
            f"warning: {name}: no voxel of the tumor mask lies in the kidney mask; --kidney is that of kidney and "
            "tumor together, labels 1 and 2 of a label volume"
        )
    counts = (("kidney", filtered.kept_kidneys), ("tumor", tests.kept))
    print(f"{name}: " + ", ".join(f"{kept.sum()} of {len(kept)} {organ} components kept" for organ, kept in counts))
    if arguments.candidates:
        return  # the table says why
    ordered = tests[(-tests.voxels).argsort(kind="stable")]
    listed = ordered.kept | (np.arange(len(ordered)) < LISTED)
    for component in ordered[listed]:
        print(
            f"{name}: tumor of {component.voxels} voxels, ratio {component.ratio:.2f}, "
            f"{component.inside:.1%} inside the kidney mask: {describe_verdict(component)}"
        )
    if not listed.all():
        print(f"{name}: {(~listed).sum()} smaller tumor components: removed")
