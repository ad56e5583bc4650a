rule measure_tumors:
    input:
        labels=expand("<cohort>/{case}/segmentation.nii.gz", case=LABELLED),
        script=script("measure_tumors"),
        modules=modules("tumors", "components", "runs", "nifti"),
    output:
        report(
            "<results>/tumor_components.tsv",
            caption="../report/tumor_components.rst",
            category="7. Cohort",
            labels={"what": "tumor components (table)"},
        ),
    log:
        "<logs>/measure_tumors.log",
    benchmark:
        "<benchmarks>/measure_tumors.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 8
    resources:
        **growing(mem_mb=4000, runtime=30),
    params:
        cohort=["--root", COHORT, "--cases"] + CASES,
        options=options("postprocess", "min_component_voxels"),
    shell:
        "python3 {input.script:q} {params.cohort:q} {params.options:q} --threads {threads}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule ratio_range:
    input:
        components="<results>/tumor_components.tsv",
        script=script("ratio_range"),
        modules=modules("postprocessing", "tables"),
    output:
        "<results>/ratio_range.json",
    log:
        "<logs>/ratio_range.log",
    conda:
        "../../envs/imaging.yaml"
    params:
        options=options("postprocess", "percentiles"),
    shell:
        "python3 {input.script:q} --components {input.components:q} {params.options:q} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule postprocess:
    input:
        kidney="<results>/{split}predictions/{case}/kidney.nii.gz",
        tumor="<results>/{split}predictions/{case}/tumor.nii.gz",
        ratio_range="<results>/ratio_range.json",
        script=script("postprocess"),
        modules=modules("postprocessing", "components", "runs", "nifti"),
    output:
        "<results>/{split}segmentations/{case}.nii.gz",
    log:
        "<logs>/{split}postprocess/{case}.log",
    benchmark:
        "<benchmarks>/{split}postprocess/{case}.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        **growing(mem_mb=1000, runtime=10),
    params:
        options=options(
            "postprocess",
            "kidney_components",
            "min_component_voxels",
            "tumor_kidney_overlap",
            "closing_iterations",
        ),
    shell:
        "python3 {input.script:q} --kidney {input.kidney:q} --tumor {input.tumor:q} --ratio-range {input.ratio_range:q}"
        " {params.options:q} --output {output:q} 2>&1 | tee {log:q}"
