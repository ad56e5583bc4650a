rule measure_case:
    input:
        **require_code("measure_case"),
        label="<cohort>/{case}/segmentation.nii.gz",
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
    shell:
        "python3 {input.script:q} --case {wildcards.case} --label {input.label:q} --kidney {input.kidney:q}"
        " --tumor {input.tumor:q} --segmentation {input.segmentation:q} --output {output:q} 2>&1 | tee {log:q}"


rule summarize_morphometry:
    input:
        **require_code("summarize_morphometry"),
        cases=expand_test_cases("<results>/{split}morphometry/{case}.tsv"),
    output:
        table=report(
            "<results>/morphometry.tsv",
            caption="../../report/morphometry.rst",
            category="4. Morphometry",
            labels={"what": "volumes, diameters, shapes (table)"},
        ),
        figure=report(
            "<results>/figures/tumor_volume.png",
            caption="../../report/tumor_volume.rst",
            category="4. Morphometry",
            labels={"what": "tumor volume, Bland-Altman plot"},
        ),
    log:
        "<logs>/summarize_morphometry.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    shell:
        "python3 {input.script:q} --cases {input.cases:q} --output {output.table:q} --figure {output.figure:q}"
        " 2>&1 | tee {log:q}"
