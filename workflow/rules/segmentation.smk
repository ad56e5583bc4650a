# Scans as they are segmented: the rules of the test cases, with trained networks.


use rule predict as predict_scan with:
    """Segment the slices of a scan with trained networks: the raw masks, which the filter reads."""
    input:
        slices=multiext(f"{SCAN}/", "images.npy", "slices.json"),
        kidney=lambda wildcards: require_models(wildcards.scan)
        and list_model_files(wildcards.scan, "kidney.safetensors"),
        tumor=lambda wildcards: require_models(wildcards.scan) and list_model_files(wildcards.scan, "tumor.safetensors"),
    output:
        multiext(f"{SCAN}/", *PREDICTED),
    log:
        "<logs>/scans/{scan}/predict.log",
    benchmark:
        "<benchmarks>/predict_scan/{scan}.tsv"
    params:
        **use_script("predict"),
        slices=subpath(output[0], ancestor=2),
        case=lambda wildcards: wildcards.scan,
        output=subpath(output[0], ancestor=2),
        options=list_options("inference") + DEVICE_OPTIONS,


use rule postprocess as postprocess_scan with:
    """Filter the raw masks of a scan by anatomy and tumor shape, and merge them into its segmentation."""
    input:
        kidney=f"{SCAN}/kidney.nii.gz",
        tumor=f"{SCAN}/tumor.nii.gz",
        ratio_range=lambda wildcards: list_model_files(wildcards.scan, "ratio_range.json")[:1] if HAS_RANGE else [],
    output:
        segmentation=f"{SCAN}/segmentation.nii.gz",
        candidates=f"{SCAN}/candidates.tsv",
    log:
        "<logs>/scans/{scan}/postprocess.log",
    benchmark:
        "<benchmarks>/postprocess_scan/{scan}.tsv"


rule measure_scan:
    """Measure the kidneys and tumors of a segmented scan, and list why to distrust its segmentation."""
    input:
        slices=f"{SCAN}/slices.json",
        segmentation=f"{SCAN}/segmentation.nii.gz",
        manifests=lambda wildcards: list_model_files(wildcards.scan, manifest.NAME),
    output:
        f"{SCAN}/measures.tsv",
    log:
        "<logs>/scans/{scan}/measure_scan.log",
    conda:
        "../../envs/imaging.yaml"
    resources:
        **request(mem_mb=1000, runtime=10),
    params:
        **use_script("measure_scan"),
        slices=subpath(input.slices, parent=True),
        options=list_options("postprocess", "min_component_voxels"),
    shell:
        run_script(
            "--slices {params.slices:q} --segmentation {input.segmentation:q} --manifest {input.manifests:q}"
            " {params.options:q} --output {output:q}"
        )


use rule write_viewer as write_viewer_scan with:
    """Write a page on which a scan and its segmentation are looked at in a browser."""
    input:
        image=lambda wildcards: find_image(wildcards.scan),
        slices=f"{SCAN}/images.npy",
        kidney=f"{SCAN}/kidney.nii.gz",
        tumor=f"{SCAN}/tumor.nii.gz",
        segmentation=f"{SCAN}/segmentation.nii.gz",
        measures=f"{SCAN}/measures.tsv",
    output:
        page=f"{SCAN}/view.html",
        thumbnail=f"{SCAN}/thumbnail.png",
    log:
        "<logs>/scans/{scan}/write_viewer.log",
    benchmark:
        "<benchmarks>/write_viewer_scan/{scan}.tsv"
    params:
        **use_script("write_viewer", template=RESOURCES / "viewer.html"),
        name=lambda wildcards: wildcards.scan,
        further=lambda wildcards, input, output: (
            ["--measures", input.measures, "--slices", str(Path(input.slices).parent), "--thumbnail", output.thumbnail]
            + ["--overview", str(Path(output.page).parents[2] / "scans.html")]
        ),
        options=lambda wildcards: list_window_options(wildcards.scan),


rule write_dicom_seg:
    """Write the segmentation of a scan that came as a DICOM series as DICOM SEG, for archives and viewers."""
    input:
        scan=lambda wildcards: mark_located(scan_folder.list_files(PLACES[wildcards.scan])),
        segmentation=f"{SCAN}/segmentation.nii.gz",
    output:
        f"{SCAN}/segmentation.dcm",
    log:
        "<logs>/scans/{scan}/write_dicom_seg.log",
    wildcard_constraints:
        scan=cohort.make_pattern(SERIES),
    conda:
        "../../envs/imaging.yaml"
    resources:
        **request(mem_mb=2000, runtime=10),
    params:
        **use_script("write_dicom_seg"),
        scan=lambda wildcards: PLACES[wildcards.scan],
    shell:
        run_script("--scan={params.scan:q} --segmentation {input.segmentation:q} --output {output:q}")


rule write_slicer_seg:
    """Write the segmentation of a scan for 3D Slicer, with names and colors of its segments."""
    input:
        segmentation=f"{SCAN}/segmentation.nii.gz",
    output:
        f"{SCAN}/segmentation.seg.nrrd",
    log:
        "<logs>/scans/{scan}/write_slicer_seg.log",
    conda:
        "../../envs/imaging.yaml"
    resources:
        **request(mem_mb=1000, runtime=10),
    params:
        **use_script("write_slicer_seg"),
    shell:
        run_script("--segmentation {input.segmentation:q} --output {output:q}")


rule summarize_scans:
    """Join the measures of all scans into one table, with the reason for each that could not be segmented."""
    input:
        scans="<results>/sorted_scans.tsv",
        measures=expand_scans(f"{SCAN}/measures.tsv"),
    output:
        "<results>/scans.tsv",
    log:
        "<logs>/summarize_scans.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **use_script("summarize_scans"),
    shell:
        run_script("--scans {input.scans:q} --measures {input.measures:q} --output {output:q}")


rule write_overview:
    """Write the page of all scans: a small picture of each, whether its result can be used, and a link to its page."""
    input:
        scans="<results>/scans.tsv",
        pages=expand_scans([f"{SCAN}/view.html", f"{SCAN}/thumbnail.png"]),
    output:
        "<results>/scans.html",
    log:
        "<logs>/write_overview.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **use_script("write_overview", template=RESOURCES / "overview.html"),
        name=config["run"],
    shell:
        run_script("--scans {input.scans:q} --name {params.name:q} --template {params.template:q} --output {output:q}")


rule segment:
    """Segment the user's scans, and show what was found in them and what to distrust."""
    input:
        lambda wildcards: require_scans(wildcards) and require_models(),
        scans="<results>/scans.tsv",
        overview="<results>/scans.html",
        formats=expand_formats,
        predicted=expand_scans([f"{SCAN}/{name}" for name in PREDICTED]),
    # There is no output, so that each command ends with what was segmented, and fails if a scan could not be.
    log:
        "<logs>/segment.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **use_script("show_scans"),
    shell:
        run_script("--scans {input.scans:q}")
