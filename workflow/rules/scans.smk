# Scans without a label, of a user or KiTS19's hidden cases, as they are found and read.
# The user's scans, those that cannot be segmented because of their names, and why there are none.
SCANS, MISNAMED = {}, {}
MISSING_SCANS = "scans.root is not set; name the folder of your scans: --config scans='{root: my_scans}'"
if config["scans"]["root"]:
    try:
        SCANS, MISNAMED = scans.find_scans(Path(os.path.expanduser(config["scans"]["root"])))
        MISSING_SCANS = None
    except cli.UserError as error:
        MISSING_SCANS = str(error)

SCAN = "<results>/scans/{scan}"
DICOM = [name for name, path in SCANS.items() if path.is_dir()]
NIFTI = [name for name in SCANS | HIDDEN if name not in DICOM]
NO_SCAN = "(?!)"  # matches nothing
MODELS = os.path.expanduser(config["scans"]["models"] or f"{RESULTS}/{FOLDERS[0]}models")


wildcard_constraints:
    scan="|".join(map(re.escape, [*NIFTI, *DICOM])) or NO_SCAN,


def read_models():
    """Read the manifest of networks in a folder of their own; end with an error if the folder is not whole."""
    try:
        return manifest.read_manifest(Path(MODELS))
    except cli.UserError as error:
        cli.fail(str(error))


def require_models(wildcards):
    """Return the networks' files; if they cannot be used or trained, end with an error when jobs are planned."""
    if config["scans"]["models"]:
        read_models()
    elif MISSING_COHORT:
        cli.fail(f"scans.models: name a folder with trained networks, or have a cohort to train on ({MISSING_COHORT})")
    return [f"{MODELS}/{name}" for name in manifest.FILES]


def find_image(scan):
    """Find the NIfTI volume of a scan: its own file, or what its DICOM series is converted to."""
    return f"{RESULTS}/scans/{scan}/imaging.nii.gz" if scan in DICOM else str((SCANS | HIDDEN)[scan])


def find_slice_size(wildcards):
    """Find the size of slices, in pixels, on which the networks were trained."""
    return read_models()["size"] if config["scans"]["models"] else config["slices"]["size"]


def require_scans(wildcards):
    """Return the records of all scans; if there is no scan, end with an error when jobs are planned."""
    if MISSING_SCANS:
        cli.fail(MISSING_SCANS)
    return expand("<results>/scans/{scan}/slices.json", scan=SCANS)


def expand_scans(pattern):
    """Make the function that lists a file for each scan that can be segmented, once all were read."""

    def list_accepted(wildcards):
        with checkpoints.sort_scans.get().output[0].open() as file:
            rows = [line.rstrip("\n").split("\t") for line in file][1:]
        return expand(pattern, scan=[scan for scan, problem in rows if not problem])

    return list_accepted


rule read_scan:
    input:
        **require_code("read_scan"),
        scan=lambda wildcards: scans.list_files((SCANS | HIDDEN)[wildcards.scan]),
    output:
        multiext(f"{SCAN}/", "images.npy", "slices.json"),
    log:
        "<logs>/scans/{scan}/read_scan.log",
    benchmark:
        "<benchmarks>/scans/{scan}/read_scan.tsv"
    wildcard_constraints:
        scan="|".join(map(re.escape, NIFTI)) or NO_SCAN,
    conda:
        "../../envs/imaging.yaml"
    resources:
        **grow(mem_mb=2000, runtime=15),
    params:
        scan=lambda wildcards: (SCANS | HIDDEN)[wildcards.scan],
        image="",
        folder=subpath(output[0], parent=True),
        size=find_slice_size,
    shell:
        "python3 {input.script:q} --scan={params.scan:q} {params.image} --size {params.size} --output {params.folder:q}"
        " 2>&1 | tee {log:q}"


use rule read_scan as read_dicom_scan with:
    output:
        multiext(f"{SCAN}/", "images.npy", "slices.json"),
        image=f"{SCAN}/imaging.nii.gz",
    log:
        "<logs>/scans/{scan}/read_dicom_scan.log",
    benchmark:
        "<benchmarks>/scans/{scan}/read_dicom_scan.tsv"
    wildcard_constraints:
        scan="|".join(map(re.escape, DICOM)) or NO_SCAN,
    params:
        scan=lambda wildcards: SCANS[wildcards.scan],
        image=lambda wildcards, output: f"--image {shlex.quote(output.image)}",
        folder=subpath(output[0], parent=True),
        size=find_slice_size,


checkpoint sort_scans:
    input:
        require_scans,
        **require_code("sort_scans"),
    output:
        "<results>/scans/scans.tsv",
    log:
        "<logs>/sort_scans.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        records=lambda wildcards, input: input[: len(SCANS)],
        misnamed=lambda wildcards: [word for pair in MISNAMED.items() for word in pair],  # which may have braces
    shell:
        "python3 {input.script:q} --records {params.records:q} --misnamed {params.misnamed:q} --output {output:q}"
        " 2>&1 | tee {log:q}"
