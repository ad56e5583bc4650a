# Scans as they are read: their slices, or why they cannot be segmented.


wildcard_constraints:
    scan=cohort.make_pattern(PLACES),


rule read_scan:
    """Extract the slices of a scan in NIfTI, or record in their place why it cannot be segmented."""
    input:
        scan=lambda wildcards: mark_located(scan_folder.list_files(PLACES[wildcards.scan])),
    output:
        multiext(f"{SCAN}/", "images.npy", "slices.json"),
    log:
        "<logs>/scans/{scan}/read_scan.log",
    benchmark:
        "<benchmarks>/read_scan/{scan}.tsv"
    wildcard_constraints:
        scan=cohort.make_pattern(set(PLACES) - set(CONVERTED)),
    conda:
        "../../envs/imaging.yaml"
    resources:
        **request(mem_mb=4000, runtime=15),
    params:
        **use_script("read_scan"),
        scan=lambda wildcards: PLACES[wildcards.scan],
        # Another file may be older. A hidden case that is yet to be fetched would have another stamp afterwards.
        stamp=lambda wildcards: scan_folder.stamp_files(SCANS[wildcards.scan]) if wildcards.scan in SCANS else "",
        image="",
        folder=subpath(output[0], parent=True),
        size=find_slice_size,
    shell:
        run_script("--scan={params.scan:q} {params.image} --size {params.size} --output {params.folder:q}")


use rule read_scan as convert_scan with:
    """Extract the slices of a scan in another format, and convert it to NIfTI, which its page shows."""
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
        **use_script("read_scan"),
        scan=lambda wildcards: SCANS[wildcards.scan],
        stamp=lambda wildcards: scan_folder.stamp_files(SCANS[wildcards.scan]),
        image=lambda wildcards, output: f"--image {shlex.quote(output.image)}",
        folder=subpath(output[0], parent=True),
        size=find_slice_size,


checkpoint sort_scans:
    """Sort the scans into those that can be segmented, whose jobs are planned then, and those that cannot."""
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
        **use_script("sort_scans"),
        descriptions=lambda wildcards, input: input[: len(SCANS)],
        unusable=lambda wildcards: [word for pair in UNUSABLE.items() for word in pair],  # which may have braces
    shell:
        run_script("--descriptions {params.descriptions:q} --unusable {params.unusable:q} --output {output:q}")
