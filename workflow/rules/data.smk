if COHORT.is_phantom:

    rule make_phantom:
        """Draw the image and the label of a phantom, which takes a patient's place where there are no data."""
        output:
            IMAGE,
            LABEL,
        log:
            "<logs>/make_phantom/{case}.log",
        priority: 10
        conda:
            "../../envs/imaging.yaml"
        resources:
            **request(mem_mb=1000, runtime=5),
        params:
            **use_script("make_phantom"),
            folder=subpath(output[0], parent=True),
            options=list_options("phantom", "size", "slices", "variety", "seed"),
        shell:
            run_script("--output {params.folder:q} {params.options:q}")


if config["data"]["source"] == "download":

    # This limits the connections of the run even if the command line has no --resources.
    if "connections" not in workflow.global_resources:
        workflow.global_resources["connections"] = config["download"]["connections"]

    # No change of the code fetches a volume again, nor does another way to fetch it: only another address does.
    rule download:
        """Fetch the image or the label of a case of KiTS19."""
        output:
            f"{ROOT}/{{case}}/{{volume}}.nii.gz",
        log:
            "<logs>/download/{case}/{volume}.log",
        wildcard_constraints:
            volume="imaging|segmentation",
        priority: 10
        retries: 0  # the script itself tries again where that can help
        localrule: True
        conda:
            "../../envs/imaging.yaml"
        resources:
            connections=1,
        params:
            script=lambda wildcards, output: find_script("download"),
            # This is not an input, so that fetching a label again does not fetch its image again.
            label=lambda wildcards, output: f"{os.path.dirname(output[0])}/segmentation.nii.gz",
            options=leave_unrecorded(list_options("download", "attempts", "timeout", "lock")),
            url=lambda wildcards: make_address(wildcards.volume, wildcards.case),
        shell:
            run_script("--url {params.url:q} --output {output:q} --like {params.label:q} {params.options:q}")


rule check_cohort:
    """Check the headers, shapes and labels of all cases, so that a bad one stops the run before hours of work."""
    input:
        require_cohort,
        announce_lacking_volumes,
        volumes=expand([IMAGE, LABEL], case=COHORT.complete),
    output:
        show_in_report("<results>/cohort.tsv", "cohort", "8. Cohort", "cases (table)"),
    log:
        "<logs>/check_cohort.log",
    benchmark:
        "<benchmarks>/check_cohort.tsv"
    priority: 100
    conda:
        "../../envs/imaging.yaml"
    threads: LABEL_THREADS  # as many volumes at once, each of which takes up to 0.8 GB
    resources:
        **request(mem_mb=4000, runtime=30),
    params:
        **use_script("check_cohort"),
        root=leave_unrecorded(COHORT.root),
        cases=COHORT.cases,
    shell:
        run_script("--root {params.root:q} --cases {params.cases:q} --threads {threads} --output {output:q}")


rule split_cases:
    """Split the cases at random into those that train the networks and those that test them."""
    input:
        gate=GATE,
    output:
        "<results>/{split}split.tsv",
    log:
        "<logs>/{split}split_cases.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **use_script("split_cases"),
        cases=COHORT.cases,
        options=lambda wildcards: configuration.make_options(
            split.select_effective(config["split"], COHORT.splits.index(wildcards.split) + 1)
        ),
    shell:
        run_script("--cases {params.cases:q} {params.options:q} --output {output:q}")


rule extract_slices:
    """Resize the slices of a case and store them as the networks read them."""
    input:
        # Not the check, so that --keep-going extracts the good cases of a bad cohort. The trainings wait for it.
        image=IMAGE,
        label=LABEL,
    output:
        multiext("<results>/slices/{case}/", "images.npy", "labels.npy", "slices.json"),
    log:
        "<logs>/extract_slices/{case}.log",
    benchmark:
        "<benchmarks>/extract_slices/{case}.tsv"
    priority: 10
    conda:
        "../../envs/imaging.yaml"
    resources:
        **request(mem_mb=1000, runtime=10),
    params:
        **use_script("extract_slices"),
        folder=subpath(output[0], parent=True),
        options=list_options("slices", "size"),
    shell:
        run_script("--image {input.image:q} --label {input.label:q} --output {params.folder:q} {params.options:q}")
