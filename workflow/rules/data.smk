if config["data"]["source"] == "phantom":

    rule phantom:
        input:
            script=script("make_phantom"),
            modules=modules("phantom", "nifti"),
        output:
            "<cohort>/{case}/imaging.nii.gz",
            "<cohort>/{case}/segmentation.nii.gz",
        log:
            "<logs>/phantom/{case}.log",
        conda:
            "../../envs/imaging.yaml"
        resources:
            **growing(mem_mb=1000, runtime=5),
        params:
            folder=subpath(output[0], parent=True),
            options=options("phantom", "size", "slices", "seed"),
        shell:
            "python3 {input.script:q} --output {params.folder:q} {params.options:q} 2>&1 | tee {log:q}"


if config["data"]["source"] == "download":

    localrules:
        download,

    # A limit of this run, in effect also where the command line has no --resources.
    if "connections" not in workflow.global_resources:
        workflow.global_resources["connections"] = config["download"]["connections"]

    # Kept through every change of the code: only another address fetches again.
    rule download:
        input:
            branch(lambda wildcards: wildcards.volume == "imaging", ancient("<cohort>/{case}/segmentation.nii.gz")),
        output:
            "<cohort>/{case}/{volume}.nii.gz",
        log:
            "<logs>/download/{case}/{volume}.log",
        wildcard_constraints:
            volume="imaging|segmentation",
        retries: 0  # it tries again by itself, and says what no attempt can mend
        conda:
            "../../envs/imaging.yaml"
        resources:
            connections=1,
        params:
            script=script("download"),
            url=lambda wildcards: address(wildcards.volume, wildcards.case),
        shell:
            "python3 {params.script:q} --url {params.url:q} --output {output:q} --like {input:q}"
            " {DOWNLOADING:q} 2>&1 | tee {log:q}"


rule check:
    # First, so that a bad case is reported before hours of work.
    input:
        volumes=expand("<cohort>/{case}/{volume}", case=COMPLETE, volume=cohort.VOLUMES),
        script=script("check_cohort"),
        modules=modules("checks", "nifti"),
    output:
        report(
            "<results>/cohort.tsv",
            caption="../report/cohort.rst",
            category="7. Cohort",
            labels={"what": "cases (table)"},
        ),
    log:
        "<logs>/check.log",
    benchmark:
        "<benchmarks>/check.tsv"
    priority: 100
    conda:
        "../../envs/imaging.yaml"
    threads: 8
    resources:
        **growing(mem_mb=4000, runtime=30),
    params:
        cohort=["--root", COHORT, "--cases"] + CASES,
    shell:
        "python3 {input.script:q} {params.cohort:q} --threads {threads}" " --output {output:q} 2>&1 | tee {log:q}"


rule split:
    input:
        cohort="<results>/cohort.tsv",
        script=script("split_cases"),
        modules=modules("cohort"),
    output:
        "<results>/{split}split.tsv",
    log:
        "<logs>/{split}split.log",
    conda:
        "../../envs/imaging.yaml"
    params:
        cases=CASES,
        number=lambda wildcards: FOLDERS.index(wildcards.split) + 1,
        options=options("split"),
    shell:
        "python3 {input.script:q} --cases {params.cases:q} --number {params.number} {params.options:q}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule extract:
    # Needs no check: under --keep-going the good cases of a bad cohort are extracted all the same.
    input:
        image="<cohort>/{case}/imaging.nii.gz",
        label="<cohort>/{case}/segmentation.nii.gz",
        script=script("extract_slices"),
        modules=modules("slices", "nifti"),
    output:
        multiext("<results>/slices/{case}/", "images.npy", "labels.npy", "slices.json"),
    log:
        "<logs>/extract/{case}.log",
    benchmark:
        "<benchmarks>/extract/{case}.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        **growing(mem_mb=1000, runtime=10),
    params:
        folder=subpath(output[0], parent=True),
        options=options("slices", "size"),
    shell:
        "python3 {input.script:q} --image {input.image:q} --label {input.label:q} --output {params.folder:q}"
        " {params.options:q} 2>&1 | tee {log:q}"
