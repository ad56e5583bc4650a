"""Measure the kidneys and tumors of a segmented scan, and list why to distrust its segmentation or not to use it."""

from kidney_tumor import cli, files, rows
from kidney_tumor.analysis.morphometry import measure_masks
from kidney_tumor.data.descriptions import read_description
from kidney_tumor.data.places import check_places
from kidney_tumor.data.slices import get_geometry, load_stored
from kidney_tumor.data.targets import NETWORKS
from kidney_tumor.scans.attenuation import measure_attenuation
from kidney_tumor.scans.plausibility import (
    describe_scan,
    join_cohorts,
    list_cuts,
    list_flat_ends,
    list_unlike,
    list_warnings,
)
from kidney_tumor.scans.sides import measure_sides
from kidney_tumor.scans.table import SEPARATOR
from kidney_tumor.scans.usability import list_faults
from kidney_tumor.volumes.masks import read_label_masks


@cli.run_main("postprocess.min_component_voxels", "segmentation", output="table of the measures, .tsv")
@cli.take_file("slices", "folder of the scan's extracted slices")
@cli.take_file("manifest", "manifest of the networks, model.json; of an ensemble all", nargs="+")
def main(arguments: cli.Arguments) -> None:
    description = read_description(arguments.slices)
    members = [files.read_json(path, "cohort", "source", "sha256") for path in arguments.manifest]
    geometry = get_geometry(description)
    check_places(arguments.segmentation)
    masks = read_label_masks(arguments.segmentation)
    images = load_stored(arguments.slices, "images.npy")
    measures, _ = measure_masks(*masks, geometry.spacing, arguments.min_component_voxels)
    measures |= measure_sides(*masks, geometry.spacing, images) | measure_attenuation(*masks, geometry.spacing, images)
    known = join_cohorts([member["cohort"] for member in members])
    if all(member["source"] == "phantom" for member in members):
        del known["slice_mm"]  # the slices of phantoms lie apart to save time, and the networks see one at a time
    warnings = description["notes"] + list_warnings(
        describe_scan(geometry, description["hu"]), measures["kidney_ml"], known
    )
    warnings += [*list_unlike(measures), *list_cuts(masks[0]), *list_flat_ends(masks[0], geometry.spacing)]
    if any(member["source"] == "phantom" for member in members):
        some = "the" if all(member["source"] == "phantom" for member in members) else "some of the"
        warnings.append(
            f"{some} networks were trained on phantoms and know no patient: they are not yet of use for measurements, "
            "mark other organs as kidney or tumor, and miss tumors"
        )
    faults = list_faults(*masks, geometry.spacing, images)
    used = " ".join(member["sha256"][f"{name}.safetensors"][:12] for member in members for name in NETWORKS)
    texts = {"faults": SEPARATOR.join(faults), "warnings": SEPARATOR.join(warnings), "networks": used}
    row = {"scan": arguments.slices.name, **measures, **texts}
    rows.write_rows(arguments.output, [row])
