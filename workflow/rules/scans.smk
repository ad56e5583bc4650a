# Scans as they are read: their slices, or why they cannot be segmented.


wildcard_constraints:
    scan=cohort.make_pattern([*NIFTI, *CONVERTED]),


rule read_scan:
    input:
        scan=lambda wildcards: mark_located(scan_folder.list_files((SCANS | HIDDEN)[wildcards.scan])),
    output:
        multiext(f"{SCAN}/", "images.npy", "slices.json"),
    log:
        "<logs>/scans/{scan}/read_scan.log",
    benchmark:
        "<benchmarks>/read_scan/{scan}.tsv"
    wildcard_constraints:
        scan=cohort.make_pattern(NIFTI),
    conda:
        "../../envs/imaging.yaml"
    resources:
        **grow(mem_mb=4000, runtime=15),
    params:
        **run_script("read_scan"),
        scan=lambda wildcards: (SCANS | HIDDEN)[wildcards.scan],
        # Another file may be older. A hidden case that is yet to be fetched would have another stamp afterwards.
        stamp=lambda wildcards: scan_folder.stamp_files(SCANS[wildcards.scan]) if wildcards.scan in SCANS else "",
        image="",
        folder=subpath(output[0], parent=True),
        size=find_slice_size,
    shell:
        "python3 {params.script:q} --scan={params.scan:q} {params.image} --size {params.size} --output {params.folder:q}"
        " 2>&1 | keep_log {log:q}"


use rule read_scan as convert_scan with:
    output:
        multiext(f"{SCAN}/", "images.npy", "slices.json"),
        image=f"{SCAN}/imaging.nii.gz",
    log:
        "<logs>/scans/{scan}/convert_scan.log",
    benchmark:
        "<benchmarks>/convert_scan/{scan}.tsv"
    wildcard_constraints:
        scan=cohort.make_pattern(CONVERTED),
    params:
        **run_script("read_scan"),
        scan=lambda wildcards: SCANS[wildcards.scan],
        stamp=lambda wildcards: scan_folder.stamp_files(SCANS[wildcards.scan]),
        image=lambda wildcards, output: f"--image {shlex.quote(output.image)}",
        folder=subpath(output[0], parent=True),
        size=find_slice_size,


checkpoint sort_scans:
    input:
        require_scans,
    output:
        "<results>/sorted_scans.tsv",
    log:
        "<logs>/sort_scans.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **run_script("sort_scans"),
        records=lambda wildcards, input: input[: len(SCANS)],
        unusable=lambda wildcards: [word for pair in UNUSABLE.items() for word in pair],  # which may have braces
    shell:
        "python3 {params.script:q} --records {params.records:q} --unusable {params.unusable:q} --output {output:q}"
        " 2>&1 | keep_log {log:q}"
