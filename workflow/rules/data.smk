if IS_PHANTOM:

    rule make_phantom:
        output:
            IMAGE,
            LABEL,
        log:
            "<logs>/make_phantom/{case}.log",
        priority: 10
        conda:
            "../../envs/imaging.yaml"
        resources:
            **grow(mem_mb=1000, runtime=5),
        params:
            **run_script("make_phantom"),
            folder=subpath(output[0], parent=True),
            options=list_options("phantom", "size", "slices", "seed"),
        shell:
            "python3 {params.script:q} --output {params.folder:q} {params.options:q} 2>&1 | keep_log {log:q}"


if config["data"]["source"] == "download":

    # This limits the connections of the run even if the command line has no --resources.
    if "connections" not in workflow.global_resources:
        workflow.global_resources["connections"] = config["download"]["connections"]

    # No change of the code fetches a volume again, nor does another way to fetch it: only another address does.
    rule download:
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
            "python3 {params.script:q} --url {params.url:q} --output {output:q} --like {params.label:q}"
            " {params.options:q} 2>&1 | keep_log {log:q}"


rule check_cohort:
    # The check has a high priority, so that a bad case is reported before hours of work.
    input:
        require_cohort,
        volumes=expand([IMAGE, LABEL], case=COMPLETE),
    output:
        report(
            "<results>/cohort.tsv",
            caption="../report/cohort.rst",
            category="8. Cohort",
            labels={"what": "cases (table)"},
        ),
    log:
        "<logs>/check_cohort.log",
    benchmark:
        "<benchmarks>/check_cohort.tsv"
    priority: 100
    conda:
        "../../envs/imaging.yaml"
    threads: 4  # as many volumes at once, each of which takes up to 0.8 GB
    resources:
        **grow(mem_mb=4000, runtime=30),
    params:
        **run_script("check_cohort"),
        root=leave_unrecorded(COHORT),
        cases=CASES,
    shell:
        "python3 {params.script:q} --root {params.root:q} --cases {params.cases:q} --threads {threads} --output {output:q}"
        " 2>&1 | keep_log {log:q}"


rule split_cases:
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
        **run_script("split_cases"),
        cases=CASES,
        options=lambda wildcards: configuration.make_options(
            split.select_effective(config["split"], FOLDERS.index(wildcards.split) + 1)
        ),
    shell:
        "python3 {params.script:q} --cases {params.cases:q} {params.options:q}"
        " --output {output:q} 2>&1 | keep_log {log:q}"


rule extract_slices:
    # It does not wait for the check, so that --keep-going extracts the good cases of a bad cohort. The trainings do.
    input:
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
        **grow(mem_mb=1000, runtime=10),
    params:
        **run_script("extract_slices"),
        folder=subpath(output[0], parent=True),
        options=list_options("slices", "size"),
    shell:
        "python3 {params.script:q} --image {input.image:q} --label {input.label:q} --output {params.folder:q}"
        " {params.options:q} 2>&1 | keep_log {log:q}"
