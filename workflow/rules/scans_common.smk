# The scans, of a user or KiTS19's hidden cases, and the helpers of their rules.
import csv

# The user's scans, those that cannot be segmented because of their files' names, and why there are none.
SCANS, UNUSABLE = {}, {}
MISSING_SCANS = "scans.root is not set; name the folder of your scans: --config scans='{root: my_scans}'"
ROOTS = config["scans"]["root"] or []
SCAN_ROOTS = [
    Path(locate(os.path.normpath(os.path.expanduser(root)))) for root in ([ROOTS] if isinstance(ROOTS, str) else ROOTS)
]
if SCAN_ROOTS:
    try:
        SCANS, UNUSABLE = scan_folder.find_scans(SCAN_ROOTS, COHORT.hidden)
        MISSING_SCANS = None
    except errors.UserError as error:
        MISSING_SCANS = str(error)

# The path of each scan, be it the user's or a hidden case, and those that are converted to NIfTI, or are DICOM series.
PLACES = SCANS | COHORT.hidden
CONVERTED = [name for name, path in SCANS.items() if scan_folder.is_converted(path)]

SERIES = [name for name, path in SCANS.items() if path.is_dir()]

SCAN = "<results>/scans/{scan}"
OWN_MODELS = [f"<results>/{folder}models" for folder in COHORT.splits]


def list_models(scan=""):
    """List the folders of the networks, of which the mean probability counts; the first also gives the range of ratios.

    KiTS19's hidden cases are segmented with the networks of this run, unless others are named.
    """
    models = config["scans"]["models"]
    if models == manifest.SYNTHETIC and scan not in COHORT.hidden:
        return [str(RESOURCES / "models" / models)]
    models = OWN_MODELS if models in (None, manifest.SYNTHETIC) else models
    return [
        os.path.normpath(os.path.expanduser(folder)) for folder in ([models] if isinstance(models, str) else models)
    ]


def has_own_models(scan=""):
    """Return whether the networks are those of this run."""
    return list_models(scan) == OWN_MODELS


def read_models(scan=""):
    """Read the manifest of the first of the named folders of networks; end with an error if one cannot be used."""
    places, own_places = (
        [os.path.relpath(folder if os.path.isabs(folder) else locate(folder)) for folder in part]
        for part in (list_models(scan), OWN_MODELS)
    )
    if own := [folder for folder in places if folder in own_places]:
        # They are results of this run, so they would be trained again by the settings of this command.
        errors.fail(
            f"scans.models: {own[0]} has the networks of this run, {config['run']}; "
            "give the segmentation another name with --config run=..., or set scans.models to null to use or train them"
        )
    try:
        return manifest.read_members([Path(place) for place in places])[0]
    except errors.UserError as error:
        errors.fail(str(error))


def require_models(scan=""):
    """Return the networks' files; if they cannot be used or trained, end with an error when jobs are planned."""
    if not has_own_models(scan):
        read_models(scan)
    elif COHORT.missing:
        errors.fail(
            f"scans.models: name a folder with trained networks, or have a cohort to train on ({COHORT.missing})"
        )
    return list_model_files(scan, *manifest.FILES)


def list_model_files(scan, *names):
    """List files by their names in all folders of networks."""
    files = expand("{folder}/{name}", folder=list_models(scan), name=names)
    return mark_located(files) if os.path.isabs(files[0]) else files


def find_image(scan):
    """Find the NIfTI volume of a scan: its own file, or what it is converted to."""
    if scan in CONVERTED:
        return f"<results>/scans/{scan}/imaging.nii.gz"
    return mark_located([str(PLACES[scan])])


def list_window_options(scan):
    """List the command-line options for the HU window in which the networks see a scan."""
    window = config["slices"]["hu_window"] if has_own_models(scan) else read_models(scan)["hu_window"]
    return configuration.make_options({"hu_window": window})


def find_slice_size(wildcards):
    """Find the size of slices, in pixels, on which the networks were trained."""
    own = has_own_models(wildcards.scan)
    return config["slices"]["size"] if own else read_models(wildcards.scan)["size"]


def require_scans(wildcards):
    """Return the descriptions of all scans' slices; if there is no scan, end with an error when jobs are planned."""
    if MISSING_SCANS:
        errors.fail(MISSING_SCANS)
    return expand("<results>/scans/{scan}/slices.json", scan=SCANS)


def expand_scans(pattern):
    """Make the function that lists a file for each scan that can be segmented, once all were read."""

    return lambda wildcards: expand(pattern, scan=list_accepted())


def list_accepted():
    """List the scans that can be segmented, once all were read."""
    with checkpoints.sort_scans.get().output[0].open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [row["scan"] for row in rows if not row["problem"]]


def expand_formats(wildcards):
    """List the further files of each segmentation that `scans.formats` names, once all scans were read."""
    names = list_accepted()
    files = {
        "dicom_seg": expand(f"{SCAN}/segmentation.dcm", scan=[name for name in names if name in SERIES]),
        "slicer_seg": expand(f"{SCAN}/segmentation.seg.nrrd", scan=names),
    }
    return [path for form in config["scans"]["formats"] for path in files[form]]


def require_hidden(wildcards):
    """Return the segmentations of the hidden cases; if one has no image, end with an error when jobs are planned."""
    everyone = [cohort.name_case(number) for number in cohort.KITS19_UNLABELED]
    if absent := [case for case in everyone if case not in COHORT.hidden]:
        errors.fail(
            f"data.root: {COHORT.root} has no image of {cohort.format_cases(absent)}, and the challenge takes all "
            f"{len(everyone)}; fetch them with KiTS19's download script"
        )
    return expand("<results>/scans/{scan}/segmentation.nii.gz", scan=everyone)
