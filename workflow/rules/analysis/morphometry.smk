rule measure_label:
    input:
        label=LABEL,
    output:
        table="<results>/measures/{case}.tsv",
        slice="<results>/measures/{case}.npz",
    log:
        "<logs>/measure_label/{case}.log",
    benchmark:
        "<benchmarks>/measure_label/{case}.tsv"
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **grow(mem_mb=1000, runtime=10),
    params:
        **run_script("measure_label"),
        options=list_options("postprocess", "min_component_voxels"),
    shell:
        "python3 {params.script:q} --case {wildcards.case} --label {input.label:q} {params.options:q}"
        " --slice {output.slice:q} --output {output.table:q} 2>&1 | keep_log {log:q}"


rule measure_case:
    input:
        label=LABEL,
        kidney="<results>/{split}predictions/{case}/kidney.nii.gz",
        tumor="<results>/{split}predictions/{case}/tumor.nii.gz",
        segmentation="<results>/{split}segmentations/{case}.nii.gz",
    output:
        "<results>/{split}morphometry/{case}.tsv",
    log:
        "<logs>/{split}measure_case/{case}.log",
    benchmark:
        "<benchmarks>/{split}measure_case/{case}.tsv"
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **grow(mem_mb=1000, runtime=10),
    params:
        **run_script("measure_case"),
        options=list_options("postprocess", "min_component_voxels"),
    shell:
        "python3 {params.script:q} --case {wildcards.case} --label {input.label:q} --kidney {input.kidney:q}"
        " --tumor {input.tumor:q} --segmentation {input.segmentation:q} {params.options:q} --output {output:q}"
        " 2>&1 | keep_log {log:q}"


rule summarize_morphometry:
    input:
        cases=expand_test_cases("<results>/{split}morphometry/{case}.tsv"),
        measures=expand("<results>/measures/{case}.tsv", case=LABELED) or GATE,
        scores="<results>/scores.tsv",
        record=RECORD_TABLE,
    output:
        table=report(
            "<results>/morphometry.tsv",
            caption="../../report/morphometry.rst",
            category="4. Morphometry",
            labels={"what": "all measures of all cases (table)"},
        ),
        agreement=report(
            "<results>/morphometry_agreement.tsv",
            caption="../../report/morphometry_agreement.rst",
            category="4. Morphometry",
            labels={"what": "agreement of the networks' masks (table)"},
        ),
        figure=report(
            "<results>/figures/tumor_volume.png",
            caption="../../report/tumor_volume.rst",
            category="4. Morphometry",
            labels={"what": "tumor volume, Bland-Altman plot"},
        ),
        errors=report(
            "<results>/figures/diameter_error.png",
            caption="../../report/diameter_error.rst",
            category="4. Morphometry",
            labels={"what": "error of the diameter by Dice"},
        ),
    log:
        "<logs>/summarize_morphometry.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **run_script("summarize_morphometry"),
        record=lambda wildcards, input: ["--record", *input.record] if RECORD_TABLE else [],
        source=SOURCE,
    shell:
        "python3 {params.script:q} --cases {input.cases:q} --measures {input.measures:q} --scores {input.scores:q}"
        " {params.record:q} --source {params.source:q} --output {output.table:q} --output-agreement {output.agreement:q}"
        " --figure {output.figure:q} --figure-errors {output.errors:q} 2>&1 | keep_log {log:q}"
